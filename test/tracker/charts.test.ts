import { expect, test } from 'bun:test'
import { valueText } from '../../src/operations/format.ts'
import { Sampler } from '../../src/operations/sampler.ts'
import { statsOf } from '../../src/operations/stats.ts'
import { PROCESS_CHARTS } from '../../src/tracker/charts.ts'
import { FakeView } from '../operations/fake-view.ts'

test('the processor time of a small tracker is shown in percent, on the page and in stats.json', () => {
  let now = 0
  let seconds = 0
  const view = new FakeView()
  const name = 'process_cpu_seconds_total'
  view.families = () => [
    { kind: 'counter', name, help: '', samples: [{ labels: {}, value: seconds }] },
  ]
  Object.assign(view, { charts: PROCESS_CHARTS })
  const sampler = new Sampler(view, () => now)
  now = 5000
  seconds = 0.005
  sampler.tick()
  const { charts } = statsOf(view, sampler, 0) as { charts: object[] }
  expect(charts.at(-1)).toEqual({
    title: 'Processor time',
    unit: 'percent of one core',
    series: [{ title: 'all threads', value: 0.1 }],
  })
  const [spec] = PROCESS_CHARTS[PROCESS_CHARTS.length - 1].series
  expect(valueText(sampler.newestOf(spec), 'percent of one core')).toBe('0.1 %')
})
