import { expect, spyOn, test } from 'bun:test'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { logFor } from '../../src/log/log.ts'
import { ScrapeExport } from '../../src/persistence/scrape-export.ts'
import { folderOfFile } from '../support/folder.ts'
import { listenOn, WS_EXECUTABLE, withTracker } from '../support/tracker.ts'
import { withClient } from '../support/udp-client.ts'
import { waitUntil } from '../support/wait.ts'
import { WsClient } from '../support/ws-client.ts'
import { GENERATION, Harness } from '../swarm/harness.ts'
import { announce } from '../ws/messages.ts'

const folder = folderOfFile()

test('has each torrent once, with the counts of both families together', async () => {
  const harness = new Harness()
  const expected = new Map<string, string>()
  for (let torrent = 0; torrent < 500; torrent++) {
    const ipv4 = torrent % 3 === 1 ? 0 : 1 + (torrent % 60)
    const ipv6 = torrent % 3 === 2 ? 0 : 1 + (torrent % 7)
    for (let peer = 0; peer < ipv4; peer++) {
      harness.announce('ipv4', torrent, peer, { seeder: peer % 2 === 0, wanted: 0 })
    }
    for (let peer = 0; peer < ipv6; peer++) harness.announce('ipv6', torrent, peer, { wanted: 0 })
    harness.announce('ipv6', torrent, 0, { seeder: true, completed: ipv6 > 0 })
    const seeders = Math.ceil(ipv4 / 2) + 1
    const leechers = Math.floor(ipv4 / 2) + Math.max(0, ipv6 - 1)
    const words = new Int32Array(5)
    harness.writeInfoHash(torrent, words)
    const hex = Buffer.from(words.buffer).toString('hex')
    expected.set(hex, `${seeders} ${leechers} ${ipv6 > 0 ? 1 : 0}`)
  }
  const path = join(folder, 'scrape.txt')
  await new ScrapeExport(path, harness.swarms, logFor('test')).writeNow()
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  expect(lines.length).toBe(expected.size)
  for (const line of lines) expect(line.slice(41)).toBe(expected.get(line.slice(0, 40)) ?? 'none')
  expect(readdirSync(folder)).toEqual(['scrape.txt'])
  expect(statSync(path).mode & 0o777).toBe(0o644)
})

test.each([0, 1])(
  'the tracker writes it every so many cleanings (%d request workers)',
  (requestWorkers) => {
    const path = join(folder, `tracker-${requestWorkers}.txt`)
    const settings = `request_workers = ${requestWorkers}\n${listenOn('127.0.0.1:0')}
      [cleaning]\ninterval = 1\n[scrape_export]\npath = '${path}'\ncleanings = 1\n`
    return withTracker({ settings }, (tracker) =>
      withClient('127.0.0.1', async (client) => {
        const infoHash = new Uint8Array(20).fill(0xab)
        await client.announce(tracker.at(), { infoHash, port: 1, left: 0n })
        await client.announce(tracker.at(), { infoHash, port: 2, left: 1n })
        const line = `${'ab'.repeat(20)} 1 1 0\n`
        await waitUntil('the file is written', () => contentsOf(path) === line)
      }),
    )
  },
  180_000,
)

test('that of aquatic_ws has each torrent once', async () => {
  const harness = new Harness()
  harness.connections.set(1, GENERATION, false, false)
  for (let torrent = 0; torrent < 100; torrent++) {
    for (let peer = 0; peer <= torrent % 5; peer++) {
      harness.announce('websocket', torrent, peer, { seeder: peer === 0, wanted: 0, connection: 1 })
    }
  }
  const path = join(folder, 'websocket.txt')
  await new ScrapeExport(path, harness.swarms, logFor('test')).writeNow()
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  const counts = lines.map((line) => line.slice(41)).sort()
  const expected = Array.from({ length: 100 }, (_, torrent) => `1 ${torrent % 5} 0`).sort()
  expect(counts).toEqual(expected)
  expect(new Set(lines.map((line) => line.slice(0, 40))).size).toBe(100)
}, 180_000)

test('aquatic_ws writes it after the set number of cleanings', () => {
  const path = join(folder, 'ws.txt')
  const settings = `${listenOn('127.0.0.1:0')}[cleaning]\ninterval = 1
    [scrape_export]\npath = '${path}'\ncleanings = 1\n`
  return withTracker({ executable: WS_EXECUTABLE, settings }, async (tracker) => {
    const client = await WsClient.connect(tracker.at())
    const infoHash = 'a-hash-of-20-letters'
    await client.ask(announce(infoHash, 1, { left: 0 }))
    await client.ask(announce(infoHash, 2))
    const line = `${Buffer.from(infoHash).toString('hex')} 1 1 0\n`
    await waitUntil('the file is written', () => contentsOf(path) === line)
    client.destroy()
  })
}, 180_000)

test('it is written after the set number of cleanings, however rare these are', () => {
  const scrapeExport = new ScrapeExport('', new Harness().swarms, logFor('test'))
  const written = spyOn(scrapeExport, 'writeNow').mockResolvedValue()
  const timer = spyOn(globalThis, 'setInterval')
  const settings = (cleanings: number) => ({
    scrape_export: { path: '', cleanings },
    cleaning: { interval: 3600 },
  })
  scrapeExport.configure(settings(10_000))
  scrapeExport.stop()
  scrapeExport.configure(settings(1))
  const [[cleaned, milliseconds], ...afterStop] = timer.mock.calls as unknown as [
    [() => void, number],
  ]
  timer.mockRestore()
  expect(afterStop).toEqual([])
  expect(milliseconds).toBe(3_600_000)
  for (let cleaning = 0; cleaning < 9999; cleaning++) cleaned()
  expect(written).not.toHaveBeenCalled()
  for (let cleaning = 0; cleaning < 10_001; cleaning++) cleaned()
  expect(written).toHaveBeenCalledTimes(2)
})

function contentsOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
