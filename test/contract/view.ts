// That nothing which workers count stays untold, and that the page's charts show metrics that exist.
// Used by the view tests of each protocol.
import { describe, expect, test } from 'bun:test'
import { logFor } from '../../src/log/log.ts'
import { counterSlots } from '../../src/metrics/counters.ts'
import type { TrackerView } from '../../src/operations/view.ts'
import { ProcessFigures } from '../../src/process/figures.ts'
import { Troubles } from '../../src/process/troubles.ts'
import { Workers } from '../../src/process/workers.ts'
import { type ProtocolFigures, View } from '../../src/tracker/view.ts'

/** `figuresOf`: of one worker with these counters; `words`: of its slot, the counters first. */
export function viewContract(
  name: string,
  counters: readonly string[],
  words: number,
  figuresOf: (slots: SharedArrayBuffer) => ProtocolFigures,
): void {
  const viewOf = (slots: SharedArrayBuffer) =>
    new View({
      name,
      version: '1',
      settings: () => '',
      own: figuresOf(slots),
      workers: new Workers('test', new URL('file:///none'), logFor('test')),
      troubles: new Troubles(logFor('test')),
      process: new ProcessFigures(),
      census: null,
      survey: null,
    })

  describe(`the metrics of ${name}`, () => {
    test.each(counters.map((counter, i) => [counter, i] as const))('tell %s', (_, i) => {
      const slots = counterSlots(1, words)
      const view = viewOf(slots)
      expect(valuesOf(view)).not.toContain(12_345)
      new Int32Array(slots)[i] = 12_345
      expect(valuesOf(view)).toContain(12_345)
    })

    test('have names and charts that belong together', () => {
      const view = viewOf(counterSlots(1, words))
      const names = new Set(view.families().map(({ name }) => name))
      const used = [
        ...view.charts.flatMap(({ series }) => series.map(({ metric }) => metric)),
        ...view.breakdowns.map(({ metric }) => metric),
      ]
      expect(used.filter((name) => !names.has(name))).toEqual([])
      expect(names.size).toBe(view.families().length)
    })
  })
}

/** Of gauges their size: one counter is subtracted from another. */
function valuesOf(view: TrackerView): number[] {
  return view
    .families()
    .flatMap((family) =>
      family.kind === 'histogram' ? [] : family.samples.map(({ value }) => Math.abs(value)),
    )
}
