import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BudgetDecision, CpuBudget, type TapLoad } from './cpu-budget.ts'

/** A host where each captured ENI costs what it costs and the rest of the process 0.02. */
class Host {
  readonly taps: { eni: string; shed: boolean; cpu: number }[]
  readonly budget: CpuBudget
  readonly decisions: string[] = []

  constructor(cores: number, costs: readonly number[]) {
    this.budget = new CpuBudget(cores)
    this.taps = costs.map((cpu, i) => ({ eni: `eni-${i + 1}`, shed: false, cpu }))
  }

  run(seconds: number): void {
    for (let second = 0; second < seconds; second++) {
      const used = this.taps.reduce((sum, { shed, cpu }) => sum + (shed ? 0 : cpu), 0.02)
      this.#take(this.budget.decide(used, this.taps satisfies readonly TapLoad[]))
    }
  }

  #take(decision: BudgetDecision): void {
    if (decision === undefined) return
    const [what, eni] = Object.entries(decision)[0]! as [string, string]
    this.decisions.push(`${what} ${eni}`)
    this.taps.find((tap) => tap.eni === eni)!.shed = what === 'shed'
  }
}

test('the last ENI is shed first, and no more than needed', () => {
  const host = new Host(0.2, [0.1, 0.05, 0.05, 0.1])
  host.run(60)
  assert.deepEqual(host.decisions, ['shed eni-4', 'shed eni-3'])
})

test('what was shed comes back when the load has gone, the first of the order first', () => {
  const host = new Host(0.2, [0.15, 0.05, 0.01])
  host.run(60)
  assert.deepEqual(host.decisions, ['shed eni-3', 'shed eni-2'])
  host.taps[0]!.cpu = 0.05
  host.run(60)
  assert.deepEqual(host.decisions.slice(2), ['resume eni-2', 'resume eni-3'])
})

test('within the budget nothing happens; an ENI whose return would break it stays away', () => {
  const calm = new Host(0.2, [0.05, 0.05])
  calm.run(100)
  assert.deepEqual(calm.decisions, [])
  const tight = new Host(0.2, [0.13, 0.1])
  tight.run(200)
  assert.deepEqual(tight.decisions, ['shed eni-2'])
})

test('a budget that no ENI fits in sheds them all and does not flap', () => {
  const host = new Host(0.01, [0.1, 0.1])
  host.run(200)
  assert.deepEqual(host.decisions, ['shed eni-2', 'shed eni-1'])
})

test('what a start costs is nobody’s load', () => {
  const budget = new CpuBudget(0.2)
  const taps = [{ eni: 'eni-1', shed: false, cpu: 0.01 }]
  for (const cpu of [1.5, 1.2, 0.8, 0.4, 0.3]) assert.equal(budget.decide(cpu, taps), undefined)
  for (let second = 0; second < 60; second++) assert.equal(budget.decide(0.03, taps), undefined)
  assert.deepEqual(budget.decide(0.8, taps), { shed: 'eni-1' })
})
