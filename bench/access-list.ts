// What access lists cost: reading a file, memory, and asking for an info hash.
// Run: bun bench/access-list.ts [--smoke] [entries]. Prints seconds and MiB for a list of so many info
// hashes (default 1,000,000), and nanoseconds per question as minimum and median over rounds, for a
// list that is off, for info hashes that are in it, and for others.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AccessList, MODE_DENY } from '../src/access-list/list.ts'
import { readListFile } from '../src/access-list/read-file.ts'
import { hashWords } from '../src/memory/half-sip-hash.ts'
import { newFolder } from './support/folder.ts'

const smoke = process.argv.includes('--smoke')
const given = process.argv.slice(2).find((argument) => /^\d+$/.test(argument))
const ENTRIES = smoke ? 1000 : Number(given ?? 1_000_000)
const QUESTIONS = smoke ? 1000 : 1_000_000
const ROUNDS = smoke ? 2 : 9
const KEY = { key0: 1, key1: 2 }

function writeInfoHash(words: Int32Array, at: number, n: number): void {
  for (let i = 0; i < 5; i++) words[at + i] = Math.imul(n + 1, 0x9e3779b1 + i * 2) ^ (n >>> 3)
}

function writeFile(path: string): number {
  const words = new Int32Array(5)
  const bytes = Buffer.from(words.buffer)
  const lines: string[] = []
  for (let n = 0; n < ENTRIES; n++) {
    writeInfoHash(words, 0, n)
    lines.push(bytes.toString('hex'))
  }
  const text = `${lines.join('\n')}\n`
  writeFileSync(path, text)
  return text.length
}

function ask(name: string, list: AccessList, from: number): void {
  const words = new Int32Array(QUESTIONS * 5)
  const hashes = new Int32Array(QUESTIONS)
  for (let i = 0; i < QUESTIONS; i++) {
    // In an order that no cache can predict.
    writeInfoHash(words, i * 5, from + ((i * 48271) % ENTRIES))
    hashes[i] = hashWords(words, i * 5, 5, KEY.key0, KEY.key1)
  }
  const times: number[] = []
  let forbidden = 0
  for (let round = 0; round < ROUNDS; round++) {
    const start = Bun.nanoseconds()
    for (let i = 0; i < QUESTIONS; i++) if (list.forbids(words, i * 5, hashes[i])) forbidden++
    times.push((Bun.nanoseconds() - start) / QUESTIONS)
  }
  times.sort((a, b) => a - b)
  const figures = `min ${times[0].toFixed(1)} ns, median ${times[ROUNDS >> 1].toFixed(1)} ns`
  console.log(`${name.padEnd(16)} ${figures}, forbidden ${forbidden}`)
}

const path = join(newFolder(), 'list.txt')
const bytes = writeFile(path)
Bun.gc(true)
const before = process.memoryUsage.rss()
const start = Bun.nanoseconds()
const { list, entries } = await readListFile(path, MODE_DENY, KEY)
const seconds = (Bun.nanoseconds() - start) / 1e9
const memory = (process.memoryUsage.rss() - before) / 2 ** 20
console.log(
  `${entries} info hashes, file of ${(bytes / 2 ** 20).toFixed(0)} MiB: read in ` +
    `${seconds.toFixed(2)} s; table ${(list.slots.byteLength / 2 ** 20).toFixed(0)} MiB, ` +
    `resident ${memory.toFixed(0)} MiB more`,
)
ask('list off', new AccessList(), 0)
ask('in the list', new AccessList(list), 0)
ask('not in the list', new AccessList(list), ENTRIES)
