import { describe, expect, spyOn, test } from 'bun:test'
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { AccessList, type AccessListData } from '../../src/access-list/list.ts'
import {
  AccessListReloader,
  accessListFaults,
  type ListEditing,
} from '../../src/access-list/reloader.ts'
import type { AccessListConfig } from '../../src/access-list/settings.ts'
import { StartError } from '../../src/config/cli.ts'
import type { Log } from '../../src/log/log.ts'
import { hashWords } from '../../src/memory/half-sip-hash.ts'
import { folderOfFile } from '../support/folder.ts'
import { waitUntil } from '../support/wait.ts'

const KEY = { key0: 0x1234567, key1: 0x89abcde }
const folder = folderOfFile()
let files = 0

const hex = (n: number) => n.toString(16).padStart(40, 'c')

/** A file of these numbers that was last changed long ago, so that nobody waits for it to settle. */
function write(path: string, ...numbers: (number | string)[]): string {
  writeFileSync(path, numbers.map((n) => `${typeof n === 'number' ? hex(n) : n}\n`).join(''))
  const time = 1000 + files++
  utimesSync(path, time, time)
  return path
}

function list(...numbers: (number | string)[]): string {
  return write(join(folder, `list-${files}`), ...numbers)
}

function forbids(data: AccessListData, n: number): boolean {
  const words = new Int32Array(5)
  Buffer.from(words.buffer).write(hex(n), 'hex')
  return new AccessList(data).forbids(words, 0, hashWords(words, 0, 5, KEY.key0, KEY.key1))
}

function reloaderOf(config: AccessListConfig, chroot = folder, editing?: ListEditing) {
  const told: string[] = []
  const sent: AccessListData[] = []
  const log = {
    info: (text: string) => told.push(`info: ${text}`),
    error: (text: string) => told.push(`error: ${text}`),
    always: (level: string, text: string) => told.push(`always ${level}: ${text}`),
  } as unknown as Log
  const privileges = { drop_privileges: false, chroot_path: chroot } as never
  const send = (data: AccessListData) => sent.push(data)
  const reloader = new AccessListReloader(config, privileges, KEY, log, send, editing)
  return { reloader, told, sent }
}

describe('--check', () => {
  test('finds nothing wrong with a list that can be read, or that is off', async () => {
    expect(await accessListFaults({ mode: 'allow', path: list(1) })).toEqual([])
    expect(await accessListFaults({ mode: 'off', path: '/nowhere' })).toEqual([])
  })

  test('names the setting, the file and what is wrong', async () => {
    expect(await accessListFaults({ mode: 'deny', path: '/nowhere' })).toEqual([
      "[access_list] path '/nowhere' cannot be read: there is no such file (ENOENT)",
    ])
    const path = list(1, 'x')
    const [fault] = await accessListFaults({ mode: 'allow', path })
    expect(fault).toStartWith(`[access_list] path '${path}' line 2 has no hex digits`)
  })
})

describe('a start', () => {
  test('reads the list, hashed as the workers hash', async () => {
    const { reloader } = reloaderOf({
      mode: 'allow',
      path: list(...Array.from({ length: 50 }, (_, n) => n)),
    })
    await reloader.load()
    expect(reloader.entries).toBe(50)
    for (let n = 0; n < 100; n++) expect(forbids(reloader.list, n)).toBe(n >= 50)
  })

  test('fails for a list that cannot be read, and does not look at one that is off', async () => {
    const { reloader } = reloaderOf({ mode: 'allow', path: '/nowhere' })
    await expect(reloader.load()).rejects.toThrow(StartError)
    await expect(reloader.load()).rejects.toThrow("[access_list] path '/nowhere' cannot be read: ")
    const off = reloaderOf({ mode: 'off', path: list('x') })
    await off.reloader.load()
    expect(forbids(off.reloader.list, 1)).toBe(false)
  })
})

describe('a list that is read again', () => {
  test('goes to the workers, and the log says so', async () => {
    const path = list(1)
    const { reloader, told, sent } = reloaderOf({ mode: 'deny', path })
    await reloader.load()
    write(path, 2, 3)
    reloader.reload('SIGUSR1')
    await waitUntil('it was sent', () => sent.length === 1)
    expect(told).toEqual(['always info: access list (SIGUSR1): mode deny, 2 info hashes'])
    expect(sent[0]).toBe(reloader.list)
    expect(reloader.entries).toBe(2)
    expect([1, 2, 3].map((n) => forbids(reloader.list, n))).toEqual([false, true, true])
  })

  test('stays as it is while the file is wrong, which is a trouble until it is mended', async () => {
    const path = list(1)
    const { reloader, told, sent } = reloaderOf({ mode: 'deny', path })
    await reloader.load()
    expect(reloader.troubleSource.find()).toBeNull()
    write(path, 'x')
    reloader.reload('SIGUSR1')
    await waitUntil('it was told', () => told.length === 1)
    expect(told[0]).toStartWith(`always error: access list '${path}' (SIGUSR1) line 1 has no hex`)
    expect(told[0]).toEndWith('; the previous list stays in force')
    expect(reloader.troubleSource.find()?.text).toContain(path)
    expect(forbids(reloader.list, 1)).toBe(true)
    write(path, 2)
    reloader.reload('SIGUSR1')
    await waitUntil('it was sent', () => sent.length === 1)
    expect(reloader.troubleSource.find()).toBeNull()
    expect(forbids(reloader.list, 1)).toBe(false)
  })

  test('is one that was asked for meanwhile, too', async () => {
    const path = list(1)
    const { reloader, sent } = reloaderOf({ mode: 'deny', path })
    await reloader.load()
    for (let i = 0; i < 5; i++) reloader.reload('SIGUSR1')
    await waitUntil('both were sent', () => sent.length === 2)
    await new Promise(setImmediate)
    expect(sent).toHaveLength(2)
  })

  test('is none once that is the setting, also when another was being read by then', async () => {
    const path = list(1)
    const { reloader, sent } = reloaderOf({ mode: 'deny', path })
    await reloader.load()
    reloader.reload('SIGUSR1')
    reloader.change({ mode: 'off', path: '' })
    await waitUntil('that there is none was sent', () => sent.length > 0)
    await new Promise(setImmediate)
    // What was being read is not the list any more.
    expect(sent).toHaveLength(1)
    expect(forbids(sent[0], 1)).toBe(false)
    expect(sent[0]).toBe(reloader.list)
  })

  test('is none where there is none: the signal is for something else', async () => {
    const { reloader, told, sent } = reloaderOf({ mode: 'off', path: '' })
    await reloader.load()
    reloader.reload('SIGUSR1')
    for (let i = 0; i < 10; i++) await new Promise(setImmediate)
    expect([told, sent]).toEqual([[], []])
    reloader.change({ mode: 'allow', path: list(1) })
    await waitUntil('one was sent', () => sent.length === 1)
    expect(told).toEqual(['always info: access list (the settings): mode allow, 1 info hash'])
    reloader.change({ mode: 'off', path: '' })
    await waitUntil('that there is none was sent', () => sent.length === 2)
    expect(told[1]).toBe('always info: access list (the settings): mode off')
    expect(forbids(reloader.list, 2)).toBe(false)
  })

  test('is looked for in the root directory once that has changed, and not before', async () => {
    const path = list(1)
    const { reloader, told, sent } = reloaderOf({ mode: 'deny', path })
    await reloader.load()
    reloader.change({ mode: 'deny', path })
    await waitUntil('it was sent', () => sent.length === 1)
    reloader.rootChanged()
    reloader.reload('SIGUSR1')
    // The tests have no such root: there is no file of this name in theirs.
    await waitUntil('it was told', () => told.length === 2)
    expect(told[1]).toContain('there is no such file')
  })
})

test('the file is looked at every two seconds, read when it has changed and held still, and not when it is off', async () => {
  const path = list(1)
  using interval = spyOn(globalThis, 'setInterval')
  const { reloader, told, sent } = reloaderOf({ mode: 'deny', path })
  await reloader.load()
  reloader.start()
  const [call] = interval.mock.calls
  const poll = call[0] as () => void
  expect(call[1]).toBe(2000)
  const looks = async (count: number) => {
    for (let i = 0; i < count; i++) {
      poll()
      for (let turns = 0; turns < 10; turns++) await new Promise(setImmediate)
    }
  }
  await looks(3)
  expect(sent).toHaveLength(0)
  write(path, 2)
  await looks(1)
  expect(sent).toHaveLength(0)
  await looks(1)
  await waitUntil('it was sent', () => sent.length === 1)
  expect(told).toEqual(['info: access list (it has changed): mode deny, 1 info hash'])
  await looks(3)
  expect(sent).toHaveLength(1)
  rmSync(path)
  await looks(3)
  expect(told).toHaveLength(1)
  reloader.stop()
})

/** Starts the reloader; returns what looks at the file, as the timer does. */
function pollOf(reloader: AccessListReloader): () => void {
  using interval = spyOn(globalThis, 'setInterval')
  reloader.start()
  return interval.mock.calls[0][0] as () => void
}

describe('a file that stays missing', () => {
  test('is a trouble, until it is there again, just as it was', async () => {
    const below = join(folder, 'below')
    mkdirSync(below)
    const { reloader, told, sent } = reloaderOf({
      mode: 'deny',
      path: write(join(below, 'list'), 1),
    })
    await reloader.load()
    const poll = pollOf(reloader)
    renameSync(below, `${below}.away`)
    for (let i = 0; i < 40; i++) poll()
    expect(told).toHaveLength(1)
    expect(told[0]).toContain('no longer exists')
    expect(reloader.troubleSource.find()?.text).toContain(below)
    renameSync(`${below}.away`, below)
    for (let i = 0; i < 2; i++) poll()
    await waitUntil('it was sent', () => sent.length === 1)
    expect(reloader.troubleSource.find()).toBeNull()
    reloader.stop()
  })

  test('is none that nobody can see from the new root directory', async () => {
    const path = list(1)
    const { reloader, told } = reloaderOf({ mode: 'deny', path }, join(folder, 'root'))
    await reloader.load()
    reloader.rootChanged()
    const poll = pollOf(reloader)
    rmSync(path)
    for (let i = 0; i < 40; i++) poll()
    expect([told, reloader.troubleSource.find()]).toEqual([[], null])
    reloader.stop()
  })
})

describe('a list that can be edited', () => {
  const editable = (isBeside: boolean) => {
    const calls = { forbidden: 0 }
    const forbidden = () => {
      calls.forbidden++
    }
    return { calls, editing: { isEditable: true, isBeside, forbidden } }
  }

  test('tells of edits that forbid torrents, once for many, and not of others', async () => {
    const { calls, editing } = editable(false)
    const { reloader, sent } = reloaderOf({ mode: 'allow', path: list(1, 2, 3) }, folder, editing)
    await reloader.load()
    expect(reloader.edit(hex(4), true)).toBe('changed')
    for (const n of [1, 2, 4]) expect(reloader.edit(hex(n), false)).toBe('changed')
    await waitUntil('the call', () => calls.forbidden === 1)
    expect([1, 2, 3, 4].map((n) => forbids(reloader.list, n))).toEqual([true, true, false, true])
    expect(sent).toEqual([])
    reloader.stop()
  })

  test('has what another process edited until this one took over from it', async () => {
    const { editing } = editable(true)
    const path = list(1)
    const { reloader, sent } = reloaderOf({ mode: 'allow', path }, folder, editing)
    await reloader.load()
    appendFileSync(`${path}.edits`, `+${hex(2)}\n-${hex(1)}\n`)
    expect(reloader.edit(hex(3), true)).toBe('changed')
    reloader.takenOver()
    await waitUntil('the new list', () => sent.length === 1)
    expect([1, 2, 3].map((n) => forbids(sent[0], n))).toEqual([true, false, false])
    expect(reloader.editCount).toBe(3)
    reloader.stop()
  })

  test('cannot be while it is off, and loses nothing by that', async () => {
    const { editing } = editable(false)
    const path = list(1)
    const { reloader, sent } = reloaderOf({ mode: 'allow', path }, folder, editing)
    await reloader.load()
    reloader.edit(hex(2), true)
    reloader.change({ mode: 'off', path })
    await waitUntil('off', () => sent.length === 1)
    expect([reloader.edit(hex(3), true), reloader.has(hex(1)), reloader.editCount]).toEqual([
      'off',
      null,
      null,
    ])
    reloader.change({ mode: 'deny', path })
    await waitUntil('on again', () => sent.length === 2)
    expect([1, 2, 3].map((n) => forbids(sent[1], n))).toEqual([true, true, false])
    reloader.stop()
  })

  test('keeps the edits of the next list, though one that agrees with them is being read by then', async () => {
    const { editing } = editable(false)
    const { reloader, sent } = reloaderOf({ mode: 'allow', path: list(1) }, folder, editing)
    await reloader.load()
    const next = list(2)
    writeFileSync(`${next}.edits`, `+${hex(1)}\n`)
    reloader.reload('SIGUSR1')
    reloader.change({ mode: 'allow', path: next })
    await waitUntil('the next list', () => sent.length > 0 && !forbids(reloader.list, 2))
    expect([1, 2, 3].map((n) => forbids(reloader.list, n))).toEqual([false, false, true])
    expect(readFileSync(`${next}.edits`, 'utf8')).toBe(`+${hex(1)}\n`)
    reloader.stop()
  })

  test('is not blamed for mistakes in one that is not the list any more', async () => {
    const path = list(1)
    const { reloader, told, sent } = reloaderOf({ mode: 'deny', path })
    await reloader.load()
    write(path, 'x')
    reloader.reload('SIGUSR1')
    reloader.change({ mode: 'deny', path: list(2) })
    await waitUntil('the next list', () => sent.length === 1)
    expect(told).toEqual(['always info: access list (SIGUSR1): mode deny, 1 info hash'])
  })
})
