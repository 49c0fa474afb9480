/** Sends batches from the given one on, and says each number once it is acknowledged. */
import { writeSync } from 'node:fs'
import { openServer } from './kill-alone-batches.ts'

const [folder = '', flowLog = '', first = '', isDisabled = ''] = process.argv.slice(2)
const { send, flowLogs } = await openServer(folder)
if (isDisabled === 'true') flowLogs.disableDelivery(flowLog, 'key')
writeSync(1, 'ready\n')
for (let number = Number(first); ; number++) {
  await send(flowLog, number)
  writeSync(1, `${number}\n`)
}
