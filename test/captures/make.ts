/**
 * The project's own small captures, each with the flow table it must give (`NAME.flows.json`).
 * `node test/captures/make.ts` writes them beside this file; `make.test.ts` checks that they are what it
 * would write.
 */
import { writeFileSync } from 'node:fs'
import { tableText, type CaptureCase } from './capture-case.ts'
import { fileForms } from './file-forms.ts'
import { ipShapes } from './ip-shapes.ts'
import { linkLayers } from './link-layers.ts'

export const captureCases = (): CaptureCase[] => [...fileForms(), ...linkLayers(), ...ipShapes()]

/** Every file of this folder that is made, by its name. */
export function madeFiles(): Map<string, Uint8Array> {
  return new Map(
    captureCases().flatMap((each) => [
      [each.name, each.file],
      [`${each.name}.flows.json`, new TextEncoder().encode(tableText(each))],
    ]),
  )
}

if (import.meta.main) {
  for (const [name, bytes] of madeFiles()) writeFileSync(new URL(name, import.meta.url), bytes)
}
