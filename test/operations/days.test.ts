// The charts of the last days, and the first lines of the operator's page.
import { expect, test } from 'bun:test'
import { History, SLOT_SECONDS } from '../../src/history/history.ts'
import { daysHtml } from '../../src/operations/days.ts'
import { Sampler } from '../../src/operations/sampler.ts'
import { summaryHtml } from '../../src/operations/summary.ts'
import { FakeView } from './fake-view.ts'

const NOW = 1_795_000_000
const FIGURES = { requests: 10, lost: 1, torrents: 2, peers: 3, memory: 4096 }

function historyOf(slots: number): History {
  const history = new History()
  history.begin(NOW - slots * SLOT_SECONDS)
  for (let i = slots - 1; i >= 0; i--) {
    const at = NOW - i * SLOT_SECONDS
    history.tell({ at, elapsed: SLOT_SECONDS, isServing: true, figures: FIGURES })
  }
  return history
}

test('days are shown once they are more than the last hour', () => {
  expect(daysHtml(new History(), NOW)).toBe('')
  expect(daysHtml(historyOf(4), NOW)).toBe('')
  const html = daysHtml(historyOf(5), NOW)
  expect(html).toContain('The last day <small>served 100 % of the time that is known</small>')
  expect(html.match(/data-plot=/g)).toHaveLength(5)
  expect(daysHtml(historyOf(300), NOW)).toContain('The last 4 days')
})

test('the first lines sum up all protocols and swarms', () => {
  const view = new FakeView()
  let now = 0
  const sampler = new Sampler(view, () => now)
  view.requests = 400
  view.errors = 100
  view.torrents = 1000
  now += 10_000
  sampler.tick()
  const html = summaryHtml(view, sampler, { state: 'attention', age: 65_000 })
  for (const text of [
    '<span class="state attention">needs attention</span></dd><dd class="more">serving for 1 min 5 s',
    '<dd>5,000</dd><dd class="more">2,000 seeders, 3,000 leechers',
    '<dd>1,000</dd>',
    '<dd>40</dd>',
    '<dd>10</dd><dd class="more">20 % of all',
    '<th scope="row">Test</th><td>40</td><td>10</td><td>20 %</td>',
  ]) {
    expect(html).toContain(text)
  }
  view.ready = false
  expect(summaryHtml(view, sampler, { state: 'bad', age: 0 })).toContain('not serving')
})
