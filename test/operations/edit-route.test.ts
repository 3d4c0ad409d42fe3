import { expect, test } from 'bun:test'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type EditedList, EditRoute } from '../../src/operations/edit-route.ts'
import { OperationsServer } from '../../src/operations/server.ts'
import { readToken, Token } from '../../src/operations/token.ts'
import { folderOfFile } from '../support/folder.ts'
import { FakeView } from './fake-view.ts'

const TOKEN = '0123456789abcdef0123456789abcdef'
const HASH = 'ab'.repeat(20)

class FakeList implements EditedList {
  readonly listed = new Set<string>()
  outcome: ReturnType<EditedList['edit']> = 'changed'
  error: Error | null = null

  has(infoHash: string): boolean | null {
    return this.outcome === 'off' ? null : this.listed.has(infoHash)
  }

  edit(infoHash: string, isAdded: boolean): ReturnType<EditedList['edit']> {
    if (this.error !== null) throw this.error
    if (isAdded) this.listed.add(infoHash)
    else this.listed.delete(infoHash)
    return this.outcome
  }
}

type Ask = (method: string, path: string, authorization?: string) => Promise<Response>

async function serving(use: (ask: Ask, list: FakeList, told: string[]) => Promise<void>) {
  const list = new FakeList()
  const told: string[] = []
  const route = new EditRoute(new Token(TOKEN), list, (text) => told.push(text))
  const options = { address: '127.0.0.1:0', host_names: '' }
  const server = new OperationsServer(options, new FakeView(), { edits: route })
  const base = `http://127.0.0.1:${server.address.port}/access-list/`
  const ask: Ask = (method, path, authorization = `Bearer ${TOKEN}`) =>
    fetch(base + path, { method, headers: authorization === '' ? {} : { authorization } })
  try {
    await use(ask, list, told)
  } finally {
    server.stop()
  }
}

test('PUT adds, DELETE removes, GET tells', () =>
  serving(async (ask, list) => {
    expect((await ask('GET', HASH)).status).toBe(404)
    const added = await ask('PUT', HASH.toUpperCase())
    expect([added.status, await added.text()]).toEqual([200, 'listed now\n'])
    expect([...list.listed]).toEqual([HASH])
    expect((await ask('GET', HASH)).status).toBe(200)
    const removed = await ask('DELETE', HASH)
    expect([removed.status, await removed.text()]).toEqual([200, 'not listed now\n'])
    expect(list.listed.size).toBe(0)
    // A v2 info hash, of which clients announce the first 40 digits.
    await ask('PUT', `${HASH}${'cd'.repeat(12)}`)
    expect([...list.listed]).toEqual([HASH])
  }))

test.each([
  '',
  'Bearer',
  `Bearer ${TOKEN.slice(0, -1)}`,
  `Bearer ${TOKEN}0`,
  `Bearer ${TOKEN.toUpperCase()}`,
  `Basic ${TOKEN}`,
  TOKEN,
])('without the right token nothing happens, and the log says so once: %j', (authorization) =>
  serving(async (ask, list, told) => {
    for (const method of ['PUT', 'DELETE', 'GET', 'OPTIONS']) {
      expect((await ask(method, HASH, authorization)).status).toBe(401)
    }
    expect(list.listed.size).toBe(0)
    expect(told).toEqual([
      'requests to edit the access list without the right token since the start: 1',
    ])
  }),
)

test('what is no info hash is refused, and other methods', () =>
  serving(async (ask, list) => {
    for (const path of ['', HASH.slice(1), `${HASH}0`, `${HASH}/x`, `${'g'.repeat(40)}`, '..']) {
      const { status } = await ask('PUT', path)
      expect([path, status >= 400]).toEqual([path, true])
    }
    expect((await ask('POST', HASH)).status).toBe(405)
    expect(list.listed.size).toBe(0)
  }))

test('a list that is off, full, or cannot be kept is said to be', () =>
  serving(async (ask, list) => {
    list.outcome = 'off'
    expect((await ask('PUT', HASH)).status).toBe(409)
    expect((await ask('GET', HASH)).status).toBe(409)
    list.outcome = 'full'
    expect((await ask('PUT', HASH)).status).toBe(507)
    list.error = new Error('no space left')
    const failed = await ask('PUT', HASH)
    expect([failed.status, await failed.text()]).toEqual([
      507,
      'nothing is changed, since it could not be kept: no space left\n',
    ])
  }))

test('without a token there is no such path', async () => {
  const server = new OperationsServer({ address: '127.0.0.1:0', host_names: '' }, new FakeView())
  const url = `http://127.0.0.1:${server.address.port}/access-list/${HASH}`
  const statuses = await Promise.all(
    ['GET', 'PUT', 'DELETE'].map(async (method) => (await fetch(url, { method })).status),
  )
  expect(statuses).toEqual([404, 405, 405])
  server.stop()
})

test('a token file has its token in the first line, of 16 to 256 characters', () => {
  const path = join(folderOfFile(), 'token')
  const read = (text: string) => {
    writeFileSync(path, text)
    return readToken(path)
  }
  for (const text of [TOKEN, `${TOKEN}\n`, ` ${TOKEN} \r\nmore\n`]) {
    const token = read(text)
    expect(token instanceof Token && token.matches(`Bearer ${TOKEN}`)).toBe(true)
  }
  for (const text of ['', '\n', 'x'.repeat(15), 'x'.repeat(257), `two ${TOKEN}`, 'é'.repeat(20)]) {
    expect(read(text)).toContain('openssl rand -hex 32')
  }
  expect(readToken(join(path, 'no'))).toContain('cannot be read')
  chmodSync(path, 0o600)
})
