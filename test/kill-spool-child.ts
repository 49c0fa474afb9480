/**
 * Puts entries into a spool, journals and delivers until it is killed: `kill-spool-child.ts DIR RUN SEED`. Says
 * on standard output, in lines written at once: `ready`, `put N` when entry N is acknowledged, `note ENI N`
 * when a journalled note is, and `sent RUN N FLOWLOG` before a parcel is done.
 */
import { writeSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { createLog } from '../src/base/log.ts'
import { WeirError } from '../src/base/errors.ts'
import { openSpool } from '../src/delivery/delivery.ts'
import { randomFrom } from './random-from.ts'
import { killedSpool, parcelOf, rowsOfEntry } from './spool-parcels.ts'

const [dir = '', run = '', seed = ''] = process.argv.slice(2)
const random = randomFrom(Number(seed))
const say = (line: string): number => writeSync(1, `${line}\n`)
const spool = await openSpool(dir, killedSpool, { log: createLog() })
say('ready')

async function put(number: number): Promise<void> {
  const parcels = ['fl-1', 'fl-2'].map((flowLog) =>
    parcelOf(number, rowsOfEntry(number), flowLog, run),
  )
  for (;;)
    try {
      await spool.put({ eni: `eni-${number % 5}`, parcels, note: { run, closed: number } })
      say(`put ${number}`)
      return
    } catch (error) {
      if (!(error instanceof WeirError && error.code === 'SpoolFull')) throw error
      await turn() // what is delivered makes room
    }
}

async function putAll(): Promise<void> {
  for (let number = 0; ; number += 3) {
    await Promise.all([put(number), put(number + 1), put(number + 2)])
    if (random(4) === 0) await turn()
  }
}

async function journalAll(): Promise<void> {
  for (let number = 0; ; number++) {
    const eni = `open-${number % 3}`
    await spool.journal(new Map([[eni, { run, number, text: 'z'.repeat(random(2000)) }]]))
    say(`note ${eni} ${number}`)
  }
}

async function deliverAll(): Promise<void> {
  for (;;) {
    const taken = await spool.take(1 + random(8))
    for (const each of taken) {
      const { id } = each.parcel
      say(`sent ${id.run} ${id.number} ${id.flowLog}`)
      spool.done(each)
    }
    await turn()
  }
}

await Promise.all([putAll(), journalAll(), deliverAll()])
