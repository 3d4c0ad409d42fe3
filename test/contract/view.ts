// Everything that workers count is shown somewhere, and the page's charts show metrics that exist.
// Used by the view tests of each protocol.
import { describe, expect, test } from 'bun:test'
import { logFor } from '../../src/log/log.ts'
import { counterSlots } from '../../src/metrics/counters.ts'
import type { TrackerView } from '../../src/operations/view.ts'
import { ProcessFigures } from '../../src/process/figures.ts'
import { Troubles } from '../../src/process/troubles.ts'
import { Workers } from '../../src/process/workers.ts'
import {
  type PeerKindName,
  TABLE_CONTENDED,
  TABLE_SLEPT,
  TABLE_WORDS,
  TOTAL_WORDS,
} from '../../src/swarm/layout.ts'
import { createSwarmMemory, type SwarmBuffers } from '../../src/swarm/memory.ts'
import { SwarmFigures } from '../../src/tracker/swarm-figures.ts'
import { type ProtocolFigures, View } from '../../src/tracker/view.ts'

/**
 * `figuresOf`: of one worker with these counters, and of swarms of these kinds; `words`: of its slot, the
 * counters first.
 */
export function viewContract(
  name: string,
  counters: readonly string[],
  words: number,
  kinds: readonly PeerKindName[],
  figuresOf: (slots: SharedArrayBuffer, swarms: SwarmBuffers) => ProtocolFigures,
): void {
  const newSwarms = () => createSwarmMemory({ maxTorrents: 100, maxPeers: 100, workers: 1, kinds })
  const viewOf = (slots: SharedArrayBuffer, swarms = newSwarms()) =>
    new View({
      name,
      version: '1',
      settings: () => '',
      prefix: 'tracker',
      protocols: [figuresOf(slots, swarms)],
      swarms: new SwarmFigures(swarms, 'tracker'),
      pressure: { charts: [], families: () => [] },
      workers: new Workers('test', new URL('file:///none'), logFor('test')),
      troubles: new Troubles(logFor('test')),
      accessKeys: () => null,
      accessListEdits: () => null,
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

    test.each([
      ['lock_waits', TABLE_CONTENDED],
      ['lock_sleeps', TABLE_SLEPT],
    ] as const)('tell of %s where 32 bits end, in any table', (metric, word) => {
      const swarms = newSwarms()
      const view = viewOf(counterSlots(1, words), swarms)
      const control = new Int32Array(swarms.control)
      const tables = kinds.length * swarms.tablesPerKind
      const steps = [2 ** 31 - 1, 1, 2 ** 31 - 2, 5, 2 ** 31 - 1, 2 ** 31 - 1]
      let total = 0
      for (const [i, step] of steps.entries()) {
        const table = i % 2 === 0 ? 0 : tables - 1
        control[TOTAL_WORDS + table * TABLE_WORDS + word] += step
        total += step
        const family = view.families().find((each) => each.name.endsWith(`_${metric}_total`))
        expect(family?.samples).toEqual([{ labels: {}, value: total }])
      }
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
      for (const { title, unit } of view.charts) {
        expect(title).toMatch(/^[A-Z]/)
        expect(unit).toMatch(/^(bytes|count|percent|per second|seconds)/)
      }
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
