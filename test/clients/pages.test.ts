// Both pages in a browser, as people with a telephone, a large screen, a dark room or a screen reader have them.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inFolder } from '../support/folder.ts'
import { ALL_EXECUTABLE, servedOn, type Tracker, withTracker } from '../support/tracker.ts'
import { waitUntil } from '../support/wait.ts'
import { chartsOf } from './charts.ts'
import { type Page, withChromium } from './chromium.ts'
import { weekOfHistory } from './week-of-history.ts'

setDefaultTimeout(240_000)

// In a network namespace of its own the loopback device may be down.
spawnSync('ip', ['link', 'set', 'lo', 'up'])

const AXE = readFileSync(join(import.meta.dir, '../../node_modules/axe-core/axe.min.js'), 'utf8')
const LOOKS = [360, 1440].flatMap((width) => [
  [width, 'light' as const] as const,
  [width, 'dark' as const] as const,
])

interface Violation {
  readonly id: string
  readonly nodes: readonly unknown[]
}

/** What axe-core finds wrong. */
async function violationsOf(page: Page): Promise<Violation[]> {
  if (!(await page.evaluate<boolean>('window.axe !== undefined'))) await page.evaluate(`${AXE};0`)
  return page.evaluate<Violation[]>(`axe.run(document).then(({ violations }) =>
    violations.map(({ id, nodes }) => ({ id, nodes: nodes.map(({ html, failureSummary }) => [html, failureSummary]) })))`)
}

/** At each size and in each scheme: nothing is cut off, and nobody is shut out. */
async function expectGoodAtAnySize(page: Page, url: string): Promise<void> {
  const backgrounds = new Set<string>()
  for (const [width, scheme] of LOOKS) {
    await page.look(width, 800, scheme)
    await page.goTo(url)
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width)
    backgrounds.add(await page.evaluate('getComputedStyle(document.body).backgroundColor'))
    expect([width, scheme, await violationsOf(page)]).toEqual([width, scheme, []])
  }
  expect(backgrounds.size).toBe(2)
}

function expectNothingFromElsewhere(page: Page, url: string): void {
  const foreign = page.requested.filter(
    (each) => !each.startsWith(url) && !each.startsWith('data:'),
  )
  expect(foreign).toEqual([])
  expect(page.errors).toEqual([])
}

/** A tracker of all protocols with a past, and a page that shows it. */
function shown(use: (page: Page, tracker: Tracker) => Promise<void>): Promise<void> {
  return inFolder((folder) => {
    const path = join(folder, 'history')
    writeFileSync(path, weekOfHistory())
    const settings =
      `${servedOn(ALL_EXECUTABLE, '127.0.0.1:0')}[statistics]\nhistory_path = '${path}'\n` +
      "[operations]\naddress = '127.0.0.1:0'\n[public_page]\naddress = '127.0.0.1:0'\n" +
      "host_names = ['tracker.example.com', 'a.very.long.name.of.another.tracker.with.many.parts.example.com']\n"
    return withTracker({ executable: ALL_EXECUTABLE, settings }, (tracker) =>
      withChromium((page) => use(page, tracker)),
    )
  })
}

test('the public page fits any screen, is readable by all, and asks nobody else for anything', () =>
  shown(async (page, tracker) => {
    const [, url] = await tracker.waitForOutput(/public page at (\S+)\n/)
    await expectGoodAtAnySize(page, url)
    const bars = await page.evaluate<string[]>(
      `[...document.querySelectorAll('.bars rect')].map((bar) => getComputedStyle(bar).fill)`,
    )
    expect(bars).toHaveLength(90)
    expect(new Set(bars).size).toBeGreaterThanOrEqual(3)
    const line = await page.evaluate<number>(
      `document.querySelector('.chart .line').getTotalLength()`,
    )
    expect(line).toBeGreaterThan(90)
    expectNothingFromElsewhere(page, url)
  }))

const COPY = `(async () => {
  const [button] = document.querySelectorAll('button')
  button.click()
  for (let i = 0; i < 100 && button.textContent === 'Copy'; i++) await new Promise((resolve) => setTimeout(resolve, 20))
  return [button.textContent, String(getSelection())]
})()`

test('the public page copies an announce URL, where there is no clipboard of secure pages too', () =>
  shown(async (page, tracker) => {
    const [, url] = await tracker.waitForOutput(/public page at (\S+)\n/)
    await page.look(360, 800, 'light')
    await page.goTo(url)
    await page.evaluate(`Object.defineProperty(navigator, 'clipboard', { value: undefined })`)
    const [told, selected] = await page.evaluate<string[]>(COPY)
    expect(told).toBe('Copied')
    expect(selected).toMatch(/^udp:\/\/tracker\.example\.com:\d+\/announce$/)
    expectNothingFromElsewhere(page, url)
  }))

test('the public page says so when the tracker does not answer any more', () =>
  shown(async (page, tracker) => {
    const [, url] = await tracker.waitForOutput(/public page at (\S+)\n/)
    await page.look(360, 800, 'light')
    await page.goTo(url)
    await page.evaluate('refresh()')
    expect(await page.evaluate('document.body.className')).toBe('')
    expect(await page.evaluate(`document.querySelectorAll('.bars rect').length`)).toBe(90)
    tracker.signal('SIGTERM')
    await tracker.waitForEnd()
    await page.evaluate('refresh()')
    expect(await page.evaluate('document.body.className')).toBe('lost')
    expect(await page.evaluate(`getComputedStyle(document.getElementById('lost')).display`)).toBe(
      'block',
    )
  }))

test("the operator's page fits any screen, is readable by all, and asks nobody else for anything", () =>
  shown(async (page, tracker) => {
    const url = await tracker.operationsUrl()
    await expectGoodAtAnySize(page, url)
    const rows = await page.evaluate<string[]>(
      `[...document.querySelectorAll('.protocols tbody th')].map((cell) => cell.textContent)`,
    )
    expect(rows).toEqual(['UDP', 'HTTP', 'WebTorrent'])
    const tiles = await page.evaluate<string[]>(
      `[...document.querySelectorAll('.tiles dt')].map((name) => name.textContent)`,
    )
    expect(tiles).toEqual([
      'State',
      'Peers',
      'Torrents',
      'Requests per second',
      'Refused and lost per second',
      'Memory',
    ])
    await waitUntil('the charts of days are drawn', async () => {
      return (await chartsOf(page)).slice(-5).every(({ drawn }) => drawn > 100)
    })
    const days = (await chartsOf(page)).slice(-5)
    expect(days.map(({ from, to }) => Math.round((to - from) / 86_400))).toEqual([7, 7, 7, 7, 7])
    expectNothingFromElsewhere(page, url)
  }))
