import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { oneSourceTrouble } from '../../src/peer-addresses/one-source.ts'
import {
  ADDRESS,
  createSourceRows,
  ROW_WORDS,
  SEQUENCE,
  SourceWatch,
} from '../../src/peer-addresses/source-watch.ts'
import { addressWords } from '../../src/tcp/client-address.ts'

const GATEWAY = '172.17.0.1'

/** Tells of announces as a tracker with so many workers does. */
class Announces {
  total = 0
  private readonly rows = createSourceRows()
  private readonly watches: SourceWatch[]
  private readonly source

  constructor(protocol: 'udp' | 'http' | 'ws' = 'http', workers = 1) {
    this.source = oneSourceTrouble(this.rows, () => this.total, protocol)
    this.watches = Array.from({ length: workers }, () => new SourceWatch(this.rows))
  }

  /** From one address, spread over the workers; `clients` of them, each with a port of its own. */
  from(address: string, count: number, clients = count): this {
    const { ipv4, words } = addressWords(address)
    const [a0, a1, a2, a3] = words
    for (let i = 0; i < count; i++) {
      const watch = this.watches[this.total++ % this.watches.length]
      watch.noteClient({ ipv4, a0, a1, a2, a3 }, 40_000 + (i % clients))
    }
    return this
  }

  found() {
    return this.source.find()
  }
}

test('one private address for everybody is a trouble with its figure and a remedy', () => {
  const trouble = new Announces('http', 3).from(GATEWAY, 1000).found()
  expect(trouble).toMatchObject({ severity: 'bad' })
  expect(trouble?.text).toContain('100 % of all announces came from 172.17.0.1')
  expect(trouble?.text).toContain('peers cannot be reached')
  expect(trouble?.remedy).toContain('trusted_proxies')
  expect(trouble?.remedy).toContain('--network host')
  expect(trouble?.remedy).toContain('"userland-proxy": false')
})

test('so it is beside public clients, while it is most of them', () => {
  expect(new Announces().from(GATEWAY, 600).from('1.1.1.1', 390).found()?.text).toContain('61 %')
  expect(new Announces().from(GATEWAY, 600).from('1.1.1.1', 700).found()).toBeNull()
})

test.each(['fd00::1', '10.0.0.1', '100.64.0.1', '192.168.1.1'])('so is %s', (address) => {
  expect(new Announces().from(address, 1000).found()?.text).toContain(` ${address},`)
})

test('WebTorrent gives no addresses to others: clients hardly notice', () => {
  expect(new Announces('ws').from(GATEWAY, 1000).found()).toMatchObject({ severity: 'attention' })
})

test.each<[string, Announces]>([
  ['the first announces', new Announces().from(GATEWAY, 99)],
  ['public addresses', new Announces().from('1.1.1.1', 1000)],
  ['one client with many torrents', new Announces().from('192.168.1.2', 1000, 5)],
  ['a network', new Announces().from('192.168.1.2', 900).from('192.168.1.3', 100)],
  ['a network with several workers', lan(new Announces('http', 4))],
  ['a test on this machine, over UDP', new Announces('udp').from('127.0.0.1', 1000)],
  ['the same over IPv6', new Announces('udp').from('::1', 1000)],
])('no trouble: %s', (_, announces) => expect(announces.found()).toBeNull())

/** No address has a majority, though each worker has a candidate. */
function lan(announces: Announces): Announces {
  for (let i = 0; i < 50; i++) {
    for (let host = 1; host <= 20; host++) announces.from(`192.168.1.${host}`, 2)
  }
  return announces
}

test('a proxy on this machine is one over HTTP and WebTorrent', () => {
  expect(new Announces('http').from('127.0.0.1', 1000).found()).not.toBeNull()
  expect(new Announces('ws').from('127.0.0.1', 1000).found()).not.toBeNull()
})

test('it ends when it has been so for half an hour', () => {
  const announces = new Announces().from(GATEWAY, 1000)
  expect(announces.found()).not.toBeNull()
  for (let second = 0; second < 1800; second++) announces.from('1.1.1.1', 1).found()
  expect(announces.found()).toBeNull()
})

test('another address takes its place', () => {
  const announces = new Announces('http', 2).from('10.0.0.1', 1000)
  announces.found()
  for (let i = 0; i < 40; i++) announces.from('10.0.0.2', 100).found()
  expect(announces.found()?.text).toContain('10.0.0.2')
})

test('more workers than are watched do no harm', () => {
  expect(new Announces('http', 100).from(GATEWAY, 10_000).found()?.text).toContain(GATEWAY)
})

test('clients of long ago do not make one client many', () => {
  const announces = new Announces().from('192.168.1.2', 5000)
  for (let i = 0; i < 5; i++) announces.from('192.168.1.2', 4096, 1)
  expect(announces.found()).toBeNull()
})

test('an address is never half one and half another', async () => {
  const rows = createSourceRows()
  const words = new Int32Array(rows)
  const source = oneSourceTrouble(rows, () => 1, 'http')
  const worker = new Worker(join(import.meta.dir, 'changing-source.ts'), { workerData: rows })
  let isDone = false
  worker.on('message', () => {
    isDone = true
  })
  let seen = 0
  while (!isDone) {
    for (let i = 0; i < 2000; i++) {
      const before = Atomics.load(words, ROW_WORDS + SEQUENCE)
      const address = [0, 1, 2, 3].map((at) => Atomics.load(words, ROW_WORDS + ADDRESS + at))
      // As one-source.ts reads it.
      if (before % 2 !== 0 || before !== Atomics.load(words, ROW_WORDS + SEQUENCE)) continue
      seen++
      expect(new Set(address).size).toBe(1)
    }
    source.find()
    await new Promise((resolve) => setImmediate(resolve))
  }
  await worker.terminate()
  expect(seen).toBeGreaterThan(0)
})
