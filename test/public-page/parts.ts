// A public page of a tracker whose figures a test sets. Used by the tests of public-page/.
import { History } from '../../src/history/history.ts'
import { wallSeconds } from '../../src/os/clock.ts'
import { PublicPage } from '../../src/public-page/public-page.ts'
import type { PublicPageConfig } from '../../src/public-page/settings.ts'
import { FakeView } from '../operations/fake-view.ts'

export const CONFIG: PublicPageConfig = {
  address: '127.0.0.1:0',
  host_names: ['tracker.example.com', '2001:db8::1', '192.0.2.1'],
  announce_urls: '',
}

export const PLACES = [
  { scheme: 'udp', address: { family: 4, host: '0.0.0.0', port: 3000 } },
  { scheme: 'udp', address: { family: 6, host: '::', port: 3000 } },
  { scheme: 'https', address: { family: 4, host: '0.0.0.0', port: 443 } },
  { scheme: 'wss', address: { family: 4, host: '192.0.2.9', port: 8443 } },
] as const

/** Three snapshots of a history that is a day old. */
export function dayOld(): History {
  const history = new History()
  const now = wallSeconds()
  history.begin(now - 86_400)
  for (const [ago, elapsed, requests] of [
    [80_000, 6400, 100],
    [40_000, 40_000, 50.126],
    [0, 40_000, 75],
  ]) {
    const figures = { requests, lost: 0, torrents: 0, peers: 0, memory: 0 }
    history.tell({ at: now - ago, elapsed, isServing: true, figures })
  }
  return history
}

export interface Given {
  readonly view?: FakeView
  readonly config?: Partial<PublicPageConfig>
  readonly history?: History
  readonly needsKey?: boolean
  readonly published?: (page: { html: Uint8Array; json: Uint8Array }) => void
}

/** Has a public page used over HTTP. */
export async function withPage(
  given: Given,
  use: (url: string, page: PublicPage, view: FakeView) => Promise<void>,
): Promise<void> {
  const { view = new FakeView(), history = new History(), needsKey = false } = given
  const snapshot = () => ({ at: performance.now(), families: view.families() })
  const before = snapshot()
  const page = new PublicPage({
    config: { ...CONFIG, ...given.config },
    view,
    history: () => history,
    snapshots: () => ({ before, now: { ...snapshot(), at: before.at + 10_000 } }),
    places: PLACES,
    needsKey: () => needsKey,
    publish: given.published ?? (() => {}),
    sharing: 'alone',
  })
  try {
    await use(`http://127.0.0.1:${page.address?.port}/`, page, view)
  } finally {
    page.stop()
  }
}
