// Lists of clients: their lines, and whether a peer id begins with one of them, against a naive model.
import { describe, expect, test } from 'bun:test'
import { PREFIXES_MAX } from '../../src/client-lists/client-file.ts'
import { randomWords } from '../support/random.ts'
import { faultOf, gateOf, readClients } from './support.ts'

/** A peer id of 20 bytes that begins so, as words. */
function idOf(text: string | Uint8Array): Int32Array {
  const bytes = Buffer.alloc(20, 0x7a)
  bytes.set(typeof text === 'string' ? Buffer.from(text, 'latin1') : text)
  return new Int32Array(new Uint8Array(bytes).buffer)
}

async function listed(text: string, ...ids: string[]): Promise<boolean[]> {
  const gate = await gateOf({ clients: text })
  return ids.map((id) => gate.deniesClient(idOf(id), 0))
}

describe('a list of clients', () => {
  test.each([
    ['a client', '-XL', ['-XL0012-', '-XL'], ['-XM', '-XK', 'XL', '-xl']],
    ['a version', '-XL0012-', ['-XL0012-abc'], ['-XL0013-', '-XL0012']],
    ['both', '-XL0012-\n-XL', ['-XL0013-'], ['-XM0012-']],
    ['one byte', 'M', ['M7-9-2--'], ['N', 'm']],
    ['a whole id', 'abcdefghijklmnopqrst', ['abcdefghijklmnopqrst'], ['abcdefghijklmnopqrsu']],
    ['any byte', '\\x00\\xfF\\x20', ['\x00\xff abc'], ['\x00\xff', '\x00\xfe ']],
    ['a sign of its own', '\\x23a\\x5c', ['#a\\b'], ['#ab']],
    ['comments and blanks', '# x\n\n -XL # y\r\n-SD#z', ['-XL', '-SD'], ['# x', 'y']],
    ['nothing', '', [], ['-XL', '\0\0\0\0']],
  ])('may have %s', async (_, text, inside, outside) => {
    expect(await listed(text, ...inside)).toEqual(inside.map(() => true))
    expect(await listed(text, ...outside)).toEqual(outside.map(() => false))
  })

  test('may be the only ones that are served', async () => {
    const gate = await gateOf({ clients: '-TR\n-qB', allow: true })
    const served = (id: string) => !gate.deniesClient(idOf(id), 0)
    expect(['-TR3000-', '-qB4500-', '-XL0012-', ''].map(served)).toEqual([true, true, false, false])
  })

  test('the mistakes are named by their lines', async () => {
    const text = `-XL\n${'a'.repeat(21)}\n\\x2\n-XL x\n\\n\nä\n`
    expect(await faultOf(readClients(text))).toStartWith(
      'line 2 has 21 bytes, line 3 has a \\ without xNN, line 4 has something behind the beginning of a peer id, ' +
        'line 5 has a \\ without xNN, line 6 has a character that has to be written as \\xNN: write the beginning',
    )
  })

  test('has at most so many entries', async () => {
    const line = (n: number) => n.toString(36).padStart(6, '0')
    const text = Array.from({ length: PREFIXES_MAX + 1 }, (_, n) => line(n)).join('\n')
    expect(await faultOf(readClients(text))).toContain('too large')
    const { entries } = await readClients(text.slice(7))
    expect(entries).toBe(PREFIXES_MAX)
  })
})

test('random beginnings have the same peer ids as in a model', async () => {
  const random = randomWords(23)
  const bytes = (size: number) =>
    Uint8Array.from({ length: size }, () => [0, 1, 127, 128, 255][random() % 5])
  for (let round = 0; round < 100; round++) {
    const prefixes = Array.from({ length: random() % 60 }, () => bytes(1 + (random() % 20)))
    const lines = prefixes.map((prefix) =>
      [...prefix].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(''),
    )
    const gate = await gateOf({ clients: lines.join('\n') })
    for (let i = 0; i < 300; i++) {
      const id = bytes(20)
      if (prefixes.length > 0 && random() % 2 === 0) id.set(prefixes[random() % prefixes.length])
      const expected = prefixes.some((prefix) => prefix.every((byte, at) => id[at] === byte))
      expect(gate.deniesClient(idOf(id), 0)).toBe(expected)
    }
  }
})
