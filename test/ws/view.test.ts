// That nothing which workers count stays untold.
import { describe, expect, test } from 'bun:test'
import { defaultsOf } from '../../src/config/schema.ts'
import { logFor } from '../../src/log/log.ts'
import { counterSlots } from '../../src/metrics/counters.ts'
import type { MetricFamily } from '../../src/metrics/families.ts'
import { ProcessFigures } from '../../src/process/figures.ts'
import { Workers } from '../../src/process/workers.ts'
import { createSwarmMemory } from '../../src/swarm/memory.ts'
import { wsSettings } from '../../src/ws/config.ts'
import { COUNTERS } from '../../src/ws/counters.ts'
import { WsView } from '../../src/ws/view.ts'
import { Watch } from '../../src/ws/watch.ts'

const log = logFor('test')

function viewOf(slots: SharedArrayBuffer): WsView {
  const limits = { maxTorrents: 100, maxPeers: 100, workers: 1, kinds: ['websocket'] as const }
  const watch = new Watch(defaultsOf(wsSettings.schema), 1, slots, createSwarmMemory(limits), log)
  const workers = new Workers('test', new URL('file:///none'), log)
  return new WsView('1', watch, workers, new ProcessFigures(), () => '', null)
}

function valuesOf(families: readonly MetricFamily[]): number[] {
  return families.flatMap((family) =>
    family.kind === 'histogram' ? [] : family.samples.map(({ value }) => Math.abs(value)),
  )
}

describe('the metrics of aquatic_ws', () => {
  test.each(COUNTERS.map((name, i) => [name, i] as const))('tell %s', (_, i) => {
    const slots = counterSlots(1, COUNTERS.length)
    const view = viewOf(slots)
    new Int32Array(slots)[i] = 12_345
    expect(valuesOf(view.families())).toContain(12_345)
  })

  test('have names and charts that belong together', () => {
    const view = viewOf(counterSlots(1, COUNTERS.length))
    const names = new Set(view.families().map(({ name }) => name))
    const used = [
      ...view.charts.flatMap(({ series }) => series.map(({ metric }) => metric)),
      ...view.breakdowns.map(({ metric }) => metric),
    ]
    expect(used.filter((name) => !names.has(name))).toEqual([])
    expect(names.size).toBe(view.families().length)
  })
})
