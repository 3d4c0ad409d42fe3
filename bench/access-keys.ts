// What access keys cost: reading a file, memory, and the key of an announce over UDP.
// Run: bun bench/access-keys.ts [--smoke] [keys]. Prints seconds and MiB for a list of so many keys of 32
// hexadecimal digits (default 1,000,000), and nanoseconds per announce, options and path included, as minimum and
// median over batches: for keys in the list, and for others.
import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { KeyGate } from '../src/access-keys/gate.ts'
import { createGuessLimits } from '../src/access-keys/guess-limits.ts'
import { newHashKey } from '../src/access-keys/key-hash.ts'
import { readKeyFile } from '../src/access-keys/read-file.ts'
import { KEY_VALID } from '../src/access-keys/verdict.ts'
import { Request } from '../src/udp/wire/request.ts'
import { AnnounceKey } from '../src/udp/worker/announce-key.ts'
import { newFolder } from './support/folder.ts'

const smoke = process.argv.includes('--smoke')
const given = process.argv.slice(2).find((argument) => /^\d+$/.test(argument))
const KEYS = smoke ? 1000 : Number(given ?? 1_000_000)
const BATCH = 256
const BATCHES = smoke ? 4 : 4000
const LINES_AT_ONCE = 20_000

const ANNOUNCE_BYTES = 98
const KEY_BYTES = 32
const PATH_BYTES = '/announce/'.length + KEY_BYTES
const PACKET_BYTES = ANNOUNCE_BYTES + 2 + PATH_BYTES
const SLOT_WORDS = 40

function keyOf(n: number): string {
  let key = ''
  for (let i = 0; i < 4; i++) {
    const word = Math.imul(n + 1, 0x9e3779b1 + i * 2) ^ (n >>> 3)
    key += (word >>> 0).toString(16).padStart(8, '0')
  }
  return key
}

function writeFile(path: string): number {
  const file = openSync(path, 'w')
  let bytes = 0
  for (let n = 0; n < KEYS; n += LINES_AT_ONCE) {
    let text = ''
    for (let i = n; i < Math.min(KEYS, n + LINES_AT_ONCE); i++) text += `${keyOf(i)}\n`
    bytes += writeSync(file, text)
  }
  closeSync(file)
  return bytes
}

/** In batches, as they are received: the packets are in the cache, the table is not. */
function ask(name: string, key: AnnounceKey, from: number): void {
  const request = new Request()
  request.words = new Int32Array(new ArrayBuffer(BATCH * SLOT_WORDS * 4))
  request.bytes = PACKET_BYTES
  request.peer.setIPv4(0x0100000a)
  const bytes = Buffer.from(request.words.buffer)
  const times: number[] = []
  let valid = 0
  let n = 0
  for (let batch = 0; batch < BATCHES; batch++) {
    for (let i = 0; i < BATCH; i++, n++) {
      const at = i * SLOT_WORDS * 4 + ANNOUNCE_BYTES
      bytes[at] = 2
      bytes[at + 1] = PATH_BYTES
      // In an order that no cache foresees.
      bytes.write(`/${keyOf(from + ((n * 48271) % KEYS))}/announce`, at + 2, 'latin1')
    }
    const start = Bun.nanoseconds()
    for (let i = 0; i < BATCH; i++) {
      request.at = i * SLOT_WORDS
      if (key.check(request) === KEY_VALID) valid++
    }
    times.push((Bun.nanoseconds() - start) / BATCH)
  }
  times.sort((a, b) => a - b)
  const figures = `min ${times[0].toFixed(1)} ns, median ${times[BATCHES >> 1].toFixed(1)} ns`
  console.log(`${name.padEnd(16)} ${figures}; checksum ${valid}`)
}

const path = join(newFolder(), 'keys')
const bytes = writeFile(path)
Bun.gc(true)
const before = process.memoryUsage.rss()
const hashKey = newHashKey()
const start = Bun.nanoseconds()
const { table, keys } = await readKeyFile(path, hashKey)
const seconds = (Bun.nanoseconds() - start) / 1e9
const memory = (process.memoryUsage.rss() - before) / 2 ** 20
console.log(
  `${keys} keys, file of ${(bytes / 2 ** 20).toFixed(0)} MiB: read in ${seconds.toFixed(2)} s; ` +
    `table ${(table.slots.byteLength / 2 ** 20).toFixed(0)} MiB, resident ${memory.toFixed(0)} MiB more`,
)
const data = { hashKey, guesses: createGuessLimits() }
const gate = new KeyGate(data, { required: true, table, guessesPerMinute: 0 })
const key = new AnnounceKey(gate)
ask('in the list', key, 0)
ask('not in the list', key, KEYS)
