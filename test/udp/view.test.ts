// That nothing which workers count stays untold.
import { describe, expect, test } from 'bun:test'
import { defaultsOf } from '../../src/config/schema.ts'
import { logFor } from '../../src/log/log.ts'
import { counterSlots } from '../../src/metrics/counters.ts'
import type { NumberFamily } from '../../src/metrics/families.ts'
import { ProcessFigures } from '../../src/process/figures.ts'
import { Workers } from '../../src/process/workers.ts'
import { createSwarmMemory } from '../../src/swarm/memory.ts'
import { udpSettings } from '../../src/udp/config.ts'
import { COUNTER_WORDS, COUNTERS } from '../../src/udp/counters.ts'
import { createLinks } from '../../src/udp/links.ts'
import { UdpView } from '../../src/udp/view.ts'
import { Watch } from '../../src/udp/watch.ts'

const log = logFor('test')

/** A view of a worker that has counted 1 of the first thing, 2 of the second, 4 of the third, … */
function viewOf(slots: SharedArrayBuffer): UdpView {
  const swarms = createSwarmMemory({ maxTorrents: 100, maxPeers: 100, workers: 1 })
  const config = defaultsOf(udpSettings.schema)
  const watch = new Watch(config, 1, slots, swarms, [], createLinks(1, 0), log)
  const workers = new Workers('test', new URL('file:///none'), log)
  return new UdpView('1', watch, workers, new ProcessFigures(), () => '', null)
}

function valuesOf(view: UdpView): number[] {
  const numbers = view
    .families()
    .filter((family): family is NumberFamily => family.kind === 'counter')
  return numbers
    .filter(({ name }) => name.startsWith('tracker_'))
    .flatMap(({ samples }) => samples.map(({ value }) => value))
}

describe('the metrics of aquatic_udp', () => {
  test.each(COUNTERS.map((name, i) => [name, i] as const))('tell %s', (_, i) => {
    const slots = counterSlots(1, COUNTER_WORDS)
    const view = viewOf(slots)
    expect(valuesOf(view).every((value) => value === 0)).toBe(true)
    new Int32Array(slots)[i] = 12_345
    expect(valuesOf(view)).toContain(12_345)
  })

  test('have names and charts that belong together', () => {
    const view = viewOf(counterSlots(1, COUNTER_WORDS))
    const names = new Set(view.families().map(({ name }) => name))
    const used = [
      ...view.charts.flatMap(({ series }) => series.map(({ metric }) => metric)),
      ...view.breakdowns.map(({ metric }) => metric),
    ]
    expect(used.filter((name) => !names.has(name))).toEqual([])
    expect(names.size).toBe(view.families().length)
  })
})
