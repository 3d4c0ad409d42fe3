import { describe, expect, test } from 'bun:test'
import { createServer } from 'node:net'
import { StartError } from '../../src/config/cli.ts'
import { DAYS } from '../../src/history/history.ts'
import type { PublicFigures } from '../../src/public-page/figures.ts'
import { HEAD_BYTES_MAX, PAGE_BYTES_MAX } from '../../src/public-page/prepared.ts'
import { URLS_MAX } from '../../src/public-page/settings.ts'
import { FakeView } from '../operations/fake-view.ts'
import { dayOld, withPage } from './parts.ts'

async function statusOf(url: string): Promise<PublicFigures> {
  return (await (await fetch(`${url}status.json`)).json()) as PublicFigures
}

const BAD = {
  name: 'x',
  severity: 'bad',
  text: 'Lost 10.1.2.3.',
  remedy: 'Find it in secret.toml.',
  since: 0,
} as const

describe('the public page', () => {
  test.each([
    ['', 'text/html'],
    ['status.json', 'application/json'],
  ])('/%s is %s that no other page can frame or add to', (path, type) =>
    withPage({}, async (url) => {
      const response = await fetch(url + path)
      expect(response.status).toBe(200)
      expect(response.headers.get('content-type')).toStartWith(type)
      expect(response.headers.get('cache-control')).toBe('max-age=10')
      expect(response.headers.get('x-content-type-options')).toBe('nosniff')
      const policy = response.headers.get('content-security-policy') ?? ''
      expect(policy).toStartWith("default-src 'none'; script-src 'sha256-")
      expect(policy).toContain("frame-ancestors 'none'")
      expect(policy).not.toContain('http')
      const head = await fetch(url + path, { method: 'HEAD' })
      expect([head.status, await head.text()]).toEqual([200, ''])
      expect(head.headers.get('content-length')).toBe(String((await response.bytes()).length))
    }),
  )

  test('other paths are not found, other methods not allowed', () =>
    withPage({}, async (url) => {
      for (const path of ['x', 'stats.json', 'metrics', 'live', '../etc/passwd']) {
        expect((await fetch(url + path)).status).toBe(404)
      }
      const response = await fetch(url, { method: 'POST' })
      expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    }))

  test('tells torrents, peers, requests and the past', () =>
    withPage({ history: dayOld() }, async (url, page, view) => {
      view.torrents = 1000
      view.requests = 50
      page.prepare()
      const status = await statusOf(url)
      expect(status).toMatchObject({
        state: 'up',
        name: 'aquatic_test',
        version: '1.2.3',
        announce_urls: [
          'udp://tracker.example.com:3000/announce',
          'https://tracker.example.com/announce',
          'wss://tracker.example.com:8443/announce',
          'udp://[2001:db8::1]:3000/announce',
          'udp://192.0.2.1:3000/announce',
          'https://192.0.2.1/announce',
          'wss://192.0.2.1:8443/announce',
        ],
        torrents: 1000,
        peers: 5000,
        seeders: 2000,
        leechers: 3000,
        swarms: [{ name: 'IPv4', torrents: 1000, seeders: 2000, leechers: 3000 }],
        protocols: [{ name: 'Test', requests_per_second: 5 }],
      })
      const { requests, availability } = status
      expect(requests.per_second).toHaveLength(96)
      expect(requests.per_second.filter((value) => value !== null)).toEqual([100, 50.13, 75])
      expect(Date.now() - Date.parse(requests.from)).toBeLessThan(86_400_000)
      expect(availability.days).toHaveLength(DAYS)
      expect(availability.days[DAYS - 1].day).toBe(status.time.slice(0, 10))
      expect(availability.share).toBe(1)
      const html = await (await fetch(url)).text()
      for (const text of ['<dd>5,000</dd>', '<code>udp://[2001:db8::1]:3000/announce</code>']) {
        expect(html).toContain(text)
      }
    }))

  test('is the same bytes until it is prepared anew', () =>
    withPage({}, async (url, page, view) => {
      const read = async () => [await (await fetch(url)).text(), (await statusOf(url)).torrents]
      const before = await read()
      view.torrents = 7
      expect(await read()).toEqual(before)
      page.prepare()
      expect((await read())[1]).toBe(7)
    }))

  test('tells how it is, and nothing of why', () =>
    withPage({}, async (url, page, view) => {
      const read = async () => {
        page.prepare()
        const html = await (await fetch(url)).text()
        expect(html + JSON.stringify(await statusOf(url))).not.toMatch(/10\.1\.2\.3|secret/)
        const [, state] = html.match(/data-state="(\w+)"/) ?? []
        expect((await statusOf(url)).state as string).toBe(state)
        return state
      }
      expect(await read()).toBe('up')
      view.trouble = [{ ...BAD, severity: 'attention' }]
      expect(await read()).toBe('up')
      view.trouble = [BAD]
      expect(await read()).toBe('degraded')
      view.ready = false
      expect(await read()).toBe('down')
    }))

  test('has no settings, no tables and no figures by client', () =>
    withPage({}, async (url, page, view) => {
      page.prepare()
      const all = (await (await fetch(url)).text()) + JSON.stringify(await statusOf(url))
      expect(all).not.toContain(Bun.escapeHTML(view.settings()).trim())
      expect(all).not.toContain('12,345')
      expect(all).not.toContain('12345')
    }))

  test('asks for a key where clients have one', () =>
    withPage({ needsKey: true }, async (url) => {
      const [first] = (await statusOf(url)).announce_urls
      expect(first).toBe('udp://tracker.example.com:3000/YOUR_KEY/announce')
    }))

  test('shows what the settings say now', () =>
    withPage({}, async (url, page) => {
      const announce_urls = ['https://x.example/b/announce', 'udp://x.example:1']
      page.configure({ address: '', host_names: 'a.example', announce_urls })
      expect((await statusOf(url)).announce_urls).toEqual(announce_urls)
      expect(await (await fetch(url)).text()).toContain('<code>https://x.example/b/announce')
      page.configure({ address: '', host_names: '', announce_urls: '' })
      expect((await statusOf(url)).announce_urls).toEqual([])
      expect(await (await fetch(url)).text()).toContain('<h1>BitTorrent tracker</h1>')
    }))

  test('fits the room of an answer, with as many and as long URLs and figures as there can be', () => {
    const view = new FakeView()
    view.torrents = 2 ** 47
    const history = dayOld()
    const data = history.data()
    const full = Array.from({ length: 96 }, (_, i) => [
      data.slots[2][0] - i,
      1,
      ...Array(5).fill(Math.PI * 1e9),
    ])
    const old = Object.assign(Object.create(history), {
      valuesOf: () => full.map(([, , requests]) => requests),
      days: () =>
        Array.from({ length: DAYS }, (_, day) => ({ day: 20_000 + day, share: 0.123456 })),
    })
    const announce_urls = Array.from(
      { length: URLS_MAX },
      (_, i) => `https://x.example/${'a'.repeat(236)}${i}`,
    )
    return withPage({ view, history: old, config: { announce_urls } }, async (url) => {
      for (const path of ['', 'status.json']) {
        const bytes = await (await fetch(url + path)).bytes()
        expect(bytes.length).toBeLessThan(PAGE_BYTES_MAX - HEAD_BYTES_MAX)
      }
    })
  })

  test('an address in use stops the start, with the name of the setting', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as { port: number }
    const start = withPage({ config: { address: `127.0.0.1:${port}` } }, async () => {})
    expect(start).rejects.toThrow(StartError)
    expect(start).rejects.toThrow(/cannot listen on 127\.0\.0\.1:\d+ \(\[public_page\] address\)/)
    other.close()
  })
})
