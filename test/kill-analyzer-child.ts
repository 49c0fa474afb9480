/** Folds batches 0, 1, 2 ... from the given one on, and says each number once it is acknowledged. */
import { writeSync } from 'node:fs'
import { batchNumber, openAnalyzer } from './kill-analyzer-batches.ts'

const [folder = '', id = '', first = ''] = process.argv.slice(2)
const { analyzers } = await openAnalyzer(folder)
writeSync(1, 'ready\n')
for (let number = Number(first); ; number++) {
  await analyzers.deliver(id, batchNumber(number), { flowLog: 'fl-kill', run: 'r', number })
  writeSync(1, `${number}\n`)
}
