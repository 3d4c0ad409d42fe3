import { describe, expect, test } from 'bun:test'
import { createServer } from 'node:net'
import { StartError } from '../../src/config/cli.ts'
import { OperationsServer } from '../../src/operations/server.ts'
import { wallMilliseconds } from '../../src/os/clock.ts'
import type { FoundTrouble } from '../../src/process/troubles.ts'
import { FakeView } from './fake-view.ts'

async function serving(
  use: (get: (path: string, init?: RequestInit) => Promise<Response>, view: FakeView) => unknown,
): Promise<void> {
  const view = new FakeView()
  const server = new OperationsServer(
    { address: '127.0.0.1:0', host_names: ['tracker.example'] },
    view,
  )
  const base = `http://127.0.0.1:${server.address.port}`
  try {
    await use((path, init) => fetch(base + path, init), view)
  } finally {
    server.stop()
  }
  expect(fetch(base)).rejects.toThrow()
}

describe('the operations endpoint', () => {
  test.each([
    ['/', 'text/html'],
    ['/live', 'text/html'],
    ['/metrics', 'text/plain; version=0.0.4'],
    ['/stats.json', 'application/json'],
    ['/health', 'text/plain'],
    ['/ready', 'text/plain'],
  ])('answers %s with %s, never to be stored or framed', (path, type) =>
    serving(async (get) => {
      const response = await get(path)
      expect(response.status).toBe(200)
      expect(response.headers.get('content-type')).toStartWith(type)
      expect(response.headers.get('cache-control')).toBe('no-store')
      expect(response.headers.get('content-security-policy')).toContain("frame-ancestors 'none'")
      const head = await get(path, { method: 'HEAD' })
      expect(head.status).toBe(200)
      expect(await head.text()).toBe('')
    }),
  )

  test('metrics are of this moment, not of the last tick', () =>
    serving(async (get, view) => {
      view.requests = 123
      expect(await (await get('/metrics')).text()).toContain('test_total{type="good"} 123\n')
    }))

  test('other paths are not found, other methods not allowed', () =>
    serving(async (get) => {
      for (const path of ['/x', '/metrics/', '/../etc/passwd', '/%00']) {
        expect((await get(path)).status).toBe(404)
      }
      for (const method of ['POST', 'PUT', 'DELETE']) {
        const response = await get('/', { method })
        expect(response.status).toBe(405)
        expect(response.headers.get('allow')).toBe('GET, HEAD')
      }
    }))

  const stalled: FoundTrouble = {
    name: 'worker_stalled',
    severity: 'bad',
    text: 'No progress in socket worker 2.',
    remedy: 'Restart the tracker.',
    restartHelps: true,
    since: 0,
  }

  test('health and readiness are two things', () =>
    serving(async (get, view) => {
      view.ready = false
      expect((await get('/ready')).status).toBe(503)
      const healthy = await get('/health')
      expect([healthy.status, await healthy.text()]).toEqual([200, 'healthy\n'])
      view.ready = true
      view.trouble = [stalled]
      const response = await get('/health')
      expect(response.status).toBe(503)
      expect(await response.text()).toBe(
        'unhealthy\nbad: No progress in socket worker 2. Restart the tracker.\n',
      )
      expect((await get('/ready')).status).toBe(200)
      expect(await (await get('/')).text()).toContain('No progress in socket worker 2.')
    }))

  test('trouble that a restart does not mend is told, and is no reason for one', () =>
    serving(async (get, view) => {
      const { restartHelps: _, ...other } = stalled
      view.trouble = [{ ...other, name: 'lost', text: 'Lost <all>.', remedy: 'Find them.' }]
      const response = await get('/health')
      expect(response.status).toBe(200)
      expect(await response.text()).toBe('healthy\nbad: Lost <all>. Find them.\n')
    }))

  test.each(['attention', 'bad'] as const)('the page and stats.json tell of %s', (severity) =>
    serving(async (get, view) => {
      const stateOf = async () => {
        const page = await (await get('/')).text()
        const stats = (await (await get('/stats.json')).json()) as Record<string, unknown>
        const [, state] = page.match(/ data-state="(\w+)"/) ?? []
        return { page, state, stats }
      }
      const before = await stateOf()
      expect([before.state, before.stats.state, before.stats.troubles]).toEqual([
        'good',
        'good',
        [],
      ])
      expect(before.page).not.toContain('class="troubles"')
      view.trouble = [{ ...stalled, severity, name: 'lost', text: 'Lost <all>.' }]
      const { page, state, stats } = await stateOf()
      expect([state, stats.state]).toEqual([severity, severity])
      expect(page).toContain(
        `<li class="card ${severity}" data-trouble="lost"><b>Lost &lt;all&gt;.</b>`,
      )
      expect(page).toContain('Restart the tracker.</li>')
      const [{ since, ...lost }] = stats.troubles as { since: string }[]
      expect(stats.troubles).toHaveLength(1)
      expect(lost).toEqual({
        name: 'lost',
        severity,
        text: 'Lost <all>.',
        remedy: 'Restart the tracker.',
      } as object)
      // Its moment is that of the machine's start.
      expect(since).toBe(new Date(since).toISOString())
      expect(Math.abs(Date.parse(since) - wallMilliseconds(0))).toBeLessThan(1000)
    }),
  )

  test('the page shows the settings as text', () =>
    serving(async (get) => {
      const page = await (await get('/')).text()
      expect(page).toContain('<pre>name = &#x27;&lt;b&gt;&amp;&#x27;')
    }))

  test('only own names are served, whatever is asked for', () =>
    serving(async (get) => {
      for (const path of ['/', '/live', '/metrics', '/stats.json', '/health', '/ready', '/x']) {
        const other = await get(path, { headers: { Host: 'rebound.example:9000' } })
        expect(other.status).toBe(421)
        expect(await other.text()).toContain('[operations] host_names')
        expect((await get(path, { headers: { Host: 'tracker.example' } })).status).not.toBe(421)
        expect((await get(path, { headers: { Host: 'localhost:1' } })).status).not.toBe(421)
      }
    }))

  test('a view that throws is answered shortly, and told of in the log once', () =>
    serving(async (get, view) => {
      view.families = () => {
        throw new Error('a fault')
      }
      for (let i = 0; i < 3; i++) {
        const response = await get('/metrics')
        expect([response.status, await response.text()]).toEqual([
          500,
          'This should not have happened.\n',
        ])
      }
    }))

  test('tables are shown as they are, as text', () =>
    serving(async (get) => {
      expect(await (await get('/live')).text()).toContain('<td>&lt;i&gt;</td><td>12,345</td>')
      const { tables } = (await (await get('/stats.json')).json()) as { tables: unknown }
      expect(tables).toEqual([
        { title: 'Largest', head: ['info hash', 'peers'], rows: [['<i>', 12_345]] },
      ])
    }))

  test('an address in use stops the start, with the name of the setting', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as { port: number }
    const start = () =>
      new OperationsServer({ address: `127.0.0.1:${port}`, host_names: '' }, new FakeView())
    expect(start).toThrow(StartError)
    expect(start).toThrow(
      /cannot listen on 127\.0\.0\.1:\d+ \(\[operations\] address\): the port is in use .*EADDRINUSE/,
    )
    other.close()
  })
})
