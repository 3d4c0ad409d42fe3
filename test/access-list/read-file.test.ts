import { describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AccessList, MODE_DENY } from '../../src/access-list/list.ts'
import { readListFile } from '../../src/access-list/read-file.ts'
import { ListFileError } from '../../src/list-file/lines.ts'
import { hashWords } from '../../src/memory/half-sip-hash.ts'
import { folderOfFile } from '../support/folder.ts'

const KEY = { key0: 1, key1: 2 }
const folder = folderOfFile()

let files = 0
function file(text: string | Buffer): string {
  const path = join(folder, `list-${files++}`)
  writeFileSync(path, text)
  return path
}

const hex = (n: number) =>
  Bun.hash.wyhash(String(n)).toString(16).padStart(16, '0').padEnd(40, 'a5')

async function listIn(text: string | Buffer) {
  const { list, entries } = await readListFile(file(text), MODE_DENY, KEY)
  const asked = new AccessList(list)
  const has = (digits: string) => {
    const words = new Int32Array(5)
    Buffer.from(words.buffer).write(digits, 'hex')
    return asked.forbids(words, 0, hashWords(words, 0, 5, KEY.key0, KEY.key1))
  }
  return { entries, has }
}

async function mistakeIn(text: string): Promise<string> {
  try {
    await listIn(text)
  } catch (error) {
    if (error instanceof ListFileError) return error.message
    throw error
  }
  throw new Error('it was read')
}

describe('a list file', () => {
  test.each([
    ['line feeds', `${hex(1)}\n${hex(2)}\n`],
    ['no end of the last line', `${hex(1)}\n${hex(2)}`],
    ['carriage returns', `${hex(1)}\r\n${hex(2)}\r\n`],
    ['capitals', `${hex(1).toUpperCase()}\n${hex(2).toUpperCase()}\n`],
    ['blank lines and white space', `\n\n  ${hex(1)}\t \n \t\n${hex(2)}\n\n`],
    ['comments', `# a list\n${hex(1)} # one\n#${hex(3)}\n   # x\n${hex(2)}#two\n`],
    ['a byte order mark', `\ufeff${hex(1)}\n${hex(2)}\n`],
    ['a byte order mark before a comment', `\ufeff# a list\n${hex(1)}\n${hex(2)}\n`],
    ['64 digits', `${hex(1)}${'f'.repeat(24)}\n${hex(2)}\n`],
    ['one line twice', `${hex(1)}\n${hex(2)}\n${hex(1)}\n`],
  ])('may have %s', async (_, text) => {
    const { entries, has } = await listIn(text)
    expect(entries).toBe(2)
    expect([1, 2, 3].map((n) => has(hex(n)))).toEqual([true, true, false])
  })

  test('may be empty', async () => {
    expect((await listIn('')).entries).toBe(0)
    expect((await listIn('\n# nothing\n')).entries).toBe(0)
  })

  test('is read as a whole, wherever its lines are cut', async () => {
    // Several parts, with comments so that lines end everywhere.
    const lines = Array.from(
      { length: 30_000 },
      (_, n) => `${hex(n)}${n % 7 === 0 ? ` # ${n}` : ''}`,
    )
    const { entries, has } = await listIn(lines.join('\n'))
    expect(entries).toBe(30_000)
    for (let n = 0; n < 30_000; n += 97) expect(has(hex(n))).toBe(true)
    expect(has(hex(30_000))).toBe(false)
  })

  test.each([
    ['39 digits', hex(1).slice(1), 'line 2 has 39 hex digits: write one info hash'],
    ['41 digits', `${hex(1)}0`, 'line 2 has 41 hex digits: '],
    ['two on a line', `${hex(1)} ${hex(2)}`, 'line 2 has 40 hex digits and something else: '],
    ['a letter that is none', `${hex(1).slice(1)}g`, 'line 2 has 39 hex digits and something else'],
    ['a byte order mark inside', `\ufeff${hex(1)}`, 'line 2 has no hex digits: '],
    ['words', 'hello', 'line 2 has no hex digits: '],
    ['very long lines', 'ab'.repeat(5000), 'line 2 is longer than 4096 bytes'],
  ])('with %s is refused, with the number of the line', async (_, line, message) => {
    expect(await mistakeIn(`${hex(5)}\n${line}\n${hex(6)}\n`)).toContain(message)
  })

  test('of more than a part may have lines of 4096 bytes, not longer ones', async () => {
    const filler = `${hex(1)}\n`.repeat(6500)
    const line = (bytes: number) => `${filler}# ${'x'.repeat(bytes - 2)}\n${hex(2)}`
    expect((await listIn(line(4096))).entries).toBe(2)
    expect(await mistakeIn(line(4097))).toContain('line 6501 is longer')
    expect(await mistakeIn(line(100_000))).toContain('line 6501 is longer')
  })

  test('of one byte is read as well', async () => {
    expect((await listIn('\n')).entries).toBe(0)
    expect(await mistakeIn('x')).toContain('line 1 has no hex digits')
  })

  test('takes less memory than the file', async () => {
    const text = Array.from({ length: 1000 }, (_, n) => `${hex(n)}\n`).join('')
    const { list, entries } = await readListFile(file(text), MODE_DENY, KEY)
    expect(entries).toBe(1000)
    expect(list.slots.byteLength).toBeLessThan(text.length)
  })

  test('with many mistakes tells the first five and how many there are', async () => {
    const message = await mistakeIn('x\n'.repeat(12))
    expect(message).toContain('line 5 has no hex digits, and 7 more: ')
    expect(message).not.toContain('line 6 ')
  })

  test('that is not there, or no file, is refused', async () => {
    const reading = (path: string) => readListFile(path, MODE_DENY, KEY)
    expect(reading(join(folder, 'missing'))).rejects.toThrow(
      'cannot be read: there is no such file (ENOENT)',
    )
    expect(reading(folder)).rejects.toThrow('cannot be read: it is a directory')
  })

  test('of random bytes is refused or read, never worse', async () => {
    let state = 1
    for (let round = 0; round < 50; round++) {
      const bytes = Buffer.from(
        Array.from({ length: 3000 }, () => {
          state = (Math.imul(state, 1103515245) + 12345) | 0
          return (state >>> 16) & (round % 2 === 0 ? 0xff : 0x3f)
        }),
      )
      await listIn(bytes).catch((error) => expect(error).toBeInstanceOf(ListFileError))
    }
  })
})
