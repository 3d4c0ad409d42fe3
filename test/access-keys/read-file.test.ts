import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { readKeyFile } from '../../src/access-keys/read-file.ts'
import { KEY_ENDED, KEY_UNKNOWN, KEY_VALID } from '../../src/access-keys/verdict.ts'
import { ListFileError } from '../../src/list-file/lines.ts'
import { folderOfFile } from '../support/folder.ts'
import { gateOf, HASH_KEY, readKeys, verdictOn } from './support.ts'

const folder = folderOfFile()
const FUTURE = '2098-12-31'
const PAST = '2001-01-01'
const SECRET = 'Zb6cK9_do-not-tell'

async function keysIn(text: string | Buffer) {
  const { table, keys } = await readKeys(text)
  const gate = gateOf({ table })
  return { keys, verdict: (key: string) => verdictOn(gate, key) }
}

async function mistakeIn(text: string): Promise<string> {
  try {
    await readKeys(text)
  } catch (error) {
    if (error instanceof ListFileError) return error.message
    throw error
  }
  throw new Error('it was read')
}

describe('a file of keys', () => {
  test.each([
    ['line feeds', 'one\ntwo\n'],
    ['no end of the last line', 'one\ntwo'],
    ['carriage returns', 'one\r\ntwo\r\n'],
    ['blank lines and white space', '\n\n  one\t \n \t\ntwo\n\n'],
    ['comments', '# keys\none # the first\n#three\n  # x\ntwo#two\n'],
    ['a byte order mark', '\ufeffone\ntwo\n'],
    ['times', `one ${FUTURE}\ntwo\t${FUTURE}T12:00:00Z # renewed\n`],
    ['one line twice', 'one\ntwo\none\n'],
  ])('may have %s', async (_, text) => {
    const { keys, verdict } = await keysIn(text)
    expect(keys).toBe(2)
    expect(['one', 'two', 'three'].map(verdict)).toEqual([KEY_VALID, KEY_VALID, KEY_UNKNOWN])
  })

  test('may be empty: then no key is valid', async () => {
    for (const text of ['', '\n# nothing\n']) {
      const { keys, verdict } = await keysIn(text)
      expect([keys, verdict('one')]).toEqual([0, KEY_UNKNOWN])
    }
  })

  test('tells which keys have ended, and of one that is there twice the last line counts', async () => {
    const { keys, verdict } = await keysIn(`a ${PAST}\nb ${FUTURE}\na ${FUTURE}\nc\nc ${PAST}\n`)
    expect(keys).toBe(3)
    expect(['a', 'b', 'c'].map(verdict)).toEqual([KEY_VALID, KEY_VALID, KEY_ENDED])
  })

  test('tells keys apart by every character, their case and their length', async () => {
    const all = ['a', 'A', 'aa', 'aaa', 'aaaa', 'aaaaa', 'a-', 'a_', '0', '00', 'a'.repeat(128)]
    for (const key of all) {
      const { verdict } = await keysIn(`${key}\n`)
      for (const other of all) {
        expect(verdict(other)).toBe(other === key ? KEY_VALID : KEY_UNKNOWN)
      }
    }
  })

  test('is read as a whole, wherever its lines are cut', async () => {
    const key = (n: number) => `key-${n.toString(36).padStart(n % 40, '_')}`
    const lines = Array.from({ length: 30_000 }, (_, n) => `${key(n)}${n % 7 === 0 ? ' # x' : ''}`)
    const { keys, verdict } = await keysIn(lines.join('\n'))
    expect(keys).toBe(30_000)
    for (let n = 0; n < 30_000; n += 97) expect(verdict(key(n))).toBe(KEY_VALID)
    expect(verdict(key(30_000))).toBe(KEY_UNKNOWN)
  })

  test.each([
    ['a character of no key', `${SECRET}/x`, 'line 2 has a character that is not allowed in a key'],
    ['a letter beyond ASCII', `${SECRET}ä`, 'line 2 has a character that is not allowed in a key'],
    ['a key that is too long', SECRET.repeat(8), 'line 2 has a key of 144 characters'],
    [
      'no time behind the key',
      `${SECRET} soon`,
      'line 2 has something after the key that is not a time',
    ],
    ['two keys', `${SECRET} ${SECRET}`, 'line 2 has something after the key that is not a time'],
    [
      'more behind the time',
      `${SECRET} ${FUTURE} ${SECRET}`,
      'line 2 has something after the time',
    ],
    ['a very long line', `${SECRET} `.repeat(500), 'line 2 is longer than 4096 bytes'],
  ])(
    'with %s is refused, with the number of the line and not the key',
    async (_, line, message) => {
      const told = await mistakeIn(`good\n${line}\nfine\n`)
      expect(told).toContain(message)
      expect(told).not.toContain(SECRET.slice(0, 4))
    },
  )

  test('says what to write', async () => {
    expect(await mistakeIn('*')).toContain(': write one key per line, of 1 to 128 letters, ')
  })

  test('with many mistakes tells the first five and how many there are', async () => {
    const message = await mistakeIn('?\n'.repeat(12))
    expect(message).toContain('line 5 has a character that is not allowed in a key, and 7 more: ')
    expect(message).not.toContain('line 6 ')
  })

  test('that is not there, or no file, is refused', async () => {
    const reading = (path: string) => readKeyFile(path, HASH_KEY)
    expect(reading(join(folder, 'missing'))).rejects.toThrow(
      'cannot be read: there is no such file',
    )
    expect(reading(folder)).rejects.toThrow('cannot be read: it is a directory')
  })

  test('of random bytes is refused or read, never worse', async () => {
    let state = 1
    for (let round = 0; round < 50; round++) {
      const bytes = Buffer.from(
        Array.from({ length: 3000 }, () => {
          state = (Math.imul(state, 1103515245) + 12345) | 0
          return (state >>> 16) & (round % 2 === 0 ? 0xff : 0x7f)
        }),
      )
      await readKeys(bytes).catch((error) => expect(error).toBeInstanceOf(ListFileError))
    }
  })

  test('of half a million keys takes 30 bytes for each', async () => {
    const lines: string[] = []
    for (let n = 0; n < 500_000; n++) lines.push(n.toString(36).padStart(32, '_'))
    const { table, keys } = await readKeys(`${lines.join('\n')}\n`)
    expect(keys).toBe(500_000)
    expect(table.slots.byteLength / keys).toBeLessThan(30.01)
  })
})
