import { expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Moment } from '../../src/persistence/boot.ts'
import { readKey, writeKey } from '../../src/persistence/key.ts'
import { folderOfFile } from '../support/folder.ts'

const folder = folderOfFile()

const BOOT: Moment = { bootId: new Uint8Array(16).fill(1), monotonic: 1000, wall: 0 }
const SECRET = new Uint8Array(32).map((_, i) => i)
const path = join(folder, 'key')

test('a key comes back, readable by its owner only', async () => {
  expect(readKey(path, BOOT)).toBeNull()
  await writeKey(path, BOOT, SECRET)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(readKey(path, BOOT)).toEqual(SECRET)
})

test('a key of another start of the machine, or of an unknown one, is not used', async () => {
  await writeKey(path, BOOT, SECRET)
  expect(readKey(path, { ...BOOT, bootId: new Uint8Array(16).fill(2) })).toBeNull()
  const unknown = { ...BOOT, bootId: new Uint8Array(16) }
  await writeKey(path, unknown, SECRET)
  expect(readKey(path, unknown)).toBeNull()
})

test('a key of a second that is yet to come is not used: the machine was restored from an image', async () => {
  await writeKey(path, BOOT, SECRET)
  expect(readKey(path, { ...BOOT, monotonic: 999 })).toBeNull()
  // The wall clock does not matter.
  expect(readKey(path, { ...BOOT, monotonic: 1001, wall: -100_000 })).toEqual(SECRET)
  expect(readKey(path, { ...BOOT, monotonic: 2 ** 31 + 5 })).toEqual(SECRET)
})

test('anything but a file is not waited for', () => {
  const pipe = join(folder, 'pipe')
  spawnSync('mkfifo', [pipe])
  expect(() => readKey(pipe, BOOT)).toThrow('it is a pipe')
})

test('a damaged key is refused, whatever is damaged', async () => {
  await writeKey(path, BOOT, SECRET)
  const bytes = readFileSync(path)
  for (let i = 0; i < bytes.length; i++) {
    const damaged = Buffer.from(bytes)
    damaged[i] ^= 1
    writeFileSync(path, damaged)
    expect(() => readKey(path, BOOT)).toThrow(/damaged|not a key|version/)
  }
  for (const length of [0, 1, 64, 95]) {
    writeFileSync(path, bytes.subarray(0, length))
    expect(() => readKey(path, BOOT)).toThrow('is too short')
  }
  writeFileSync(path, Buffer.concat([bytes, bytes]))
  expect(() => readKey(path, BOOT)).toThrow('damaged')
})
