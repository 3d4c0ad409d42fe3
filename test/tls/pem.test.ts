// No part of a chain may be lost without warning: whatever is missing in a
// file, reading it gives either an error that names the line, or everything that was in it.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { PemError, parsePem, pemText } from '../../src/tls/pem.ts'
import { Certificates } from '../support/certificates.ts'

const files = new Certificates()
let first = ''
let second = ''
let chain = ''

beforeAll(() => {
  files.make('first', 'ec')
  files.make('second', 'ec')
  first = files.read('first.pem')
  second = files.read('second.pem')
  chain = first + second
})
afterAll(() => files.remove())

function bodiesOf(text: string): string[] {
  return parsePem(text).map(({ bytes }) => bytes.toString('base64'))
}

/** What was read; null for an error, which has to name a line. */
function bodiesOrError(text: string): string[] | null {
  try {
    return bodiesOf(text)
  } catch (error) {
    expect(error).toBeInstanceOf(PemError)
    expect((error as PemError).message).toMatch(/^line \d+ /)
    return null
  }
}

function messageOf(text: string): string {
  try {
    parsePem(text)
  } catch (error) {
    expect(error).toBeInstanceOf(PemError)
    return (error as PemError).message
  }
  throw new Error('it was accepted')
}

describe('a chain', () => {
  test('cut anywhere is an error, or has what is left of it whole', () => {
    const whole = bodiesOf(chain)
    const ends = [0, first.length - 1, first.length, chain.length - 1, chain.length]
    for (let length = 0; length <= chain.length; length++) {
      const read = bodiesOrError(chain.slice(0, length))
      if (read === null) continue
      expect([length, ends.includes(length)]).toEqual([length, true])
      expect(read).toEqual(whole.slice(0, read.length))
      expect(read.length).toBe(length >= chain.length - 1 ? 2 : length >= first.length - 1 ? 1 : 0)
    }
  })

  test('without one of its lines is an error, or has what is left in a damaged block', () => {
    const lines = chain.trimEnd().split('\n')
    for (const [index, line] of lines.entries()) {
      const read = bodiesOrError(lines.toSpliced(index, 1).join('\n'))
      // Only the content shows whether a block has lost a line in its middle (tls-files.test.ts).
      if (line.startsWith('-----')) expect([index, read]).toEqual([index, null])
      else if (read !== null) expect(read.length).toBe(2)
    }
  })

  test('without one of its characters is an error, or the same', () => {
    const whole = bodiesOf(chain)
    for (let at = 0; at < chain.length; at++) {
      const read = bodiesOrError(chain.slice(0, at) + chain.slice(at + 1))
      if (read !== null) expect([at, read]).toEqual([at, whole])
    }
  })

  test.each([
    ['Windows line ends', (text: string) => text.replaceAll('\n', '\r\n')],
    ['old Macintosh line ends', (text: string) => text.replaceAll('\n', '\r')],
    ['no line end at its end', (text: string) => text.trimEnd()],
    ['a byte order mark', (text: string) => `\u00ef\u00bb\u00bf${text}`],
    ['blanks around its lines', (text: string) => text.replaceAll(/^|$/gm, '  ')],
    ['empty lines', (text: string) => text.replaceAll('-----\n', '-----\n\n')],
  ])('with %s is read', (_name, changed) => {
    expect(bodiesOf(changed(chain))).toEqual(bodiesOf(chain))
  })

  test('with what openssl and people write around certificates is read', () => {
    const around = [
      'CONNECTED(00000003)\n---\nCertificate chain\n 0 s:CN = first\n   i:CN = issuer\n',
      'subject=CN = first\nissuer=CN = issuer\n',
      'Bag Attributes\n    friendlyName: first\n    localKeyID: 54 69 6D\nKey Attributes: <No Attributes>\n',
      '# --------------------\n# ISRG Root X1 ------- begins here, ends in 2035 -----\n',
      '-------------------------\n',
      `SHA256 ${'0123456789abcdef'.repeat(4)}\n${'0123456789ABCDEF'.repeat(4)}\n`,
    ]
    for (const text of around) {
      expect(bodiesOf(text + first + text + second + text)).toEqual(bodiesOf(chain))
    }
  })
})

describe('names the line of', () => {
  const after = (text: string) => () => `${first}${text}${second}`
  const at = () => first.split('\n').length

  test.each([
    ['a block without its beginning', after(`MII${'A'.repeat(61)}\n`), 'belongs to a block'],
    ['an end without a beginning', after('-----END CERTIFICATE-----\n'), 'whose BEGIN is missing'],
    ['a boundary in small letters', after('-----begin certificate-----\n'), 'damaged boundary'],
    ['a boundary with four hyphens', after('----BEGIN CERTIFICATE----\n'), 'damaged boundary'],
    ['a boundary with a blank too many', after('-----BEGIN CERTIFICATE -----\n'), 'a block'],
    ['zeros of a file system', after('\0\0\0\0\n'), 'byte of value 0'],
    ['a block in a block', after('-----BEGIN CERTIFICATE-----\n'), 'does not end'],
    ['an empty block', after('-----BEGIN A-----\n-----END A-----\n'), 'damaged base64'],
    ['two ends', after('-----BEGIN A-----\nAAAA\n-----END A----------BEGIN B-----\n'), 'two bound'],
  ])('%s', (name, text, words) => {
    const line = name === 'two ends' ? at() + 2 : at()
    const message = messageOf(text())
    expect(message).toContain(words)
    expect(message).toStartWith(`line ${line} `)
  })

  test('a character that is not base64, and shows none of the text', () => {
    const lines = second.split('\n')
    lines[3] = `${lines[3].slice(0, -1)}!`
    const message = messageOf(lines.join('\n'))
    expect(message).toBe('line 4 is not base64, in the block that line 1 begins')
  })

  test('an end of another kind', () => {
    const text = second.replace('END CERTIFICATE', 'END PRIVATE KEY')
    expect(messageOf(text)).toMatch(
      /^line \d+ ends another block \(PRIVATE KEY\) than line 1 begins/,
    )
  })
})

test('blocks have their kinds, lines and headers', () => {
  const text = `text\n${pemText('A B', Uint8Array.of(1, 2, 3))}-----BEGIN C-----\nProc-Type: 4,ENCRYPTED
DEK-Info: AES-128-CBC,00\n\nAAAA\n-----END C-----\n`
  expect(parsePem(text)).toEqual([
    { label: 'A B', line: 2, bytes: Buffer.from([1, 2, 3]), hasHeaders: false },
    { label: 'C', line: 5, bytes: Buffer.from([0, 0, 0]), hasHeaders: true },
  ])
})

test('what is written is read as it was, whatever its length', () => {
  for (let size = 1; size < 200; size++) {
    const bytes = Buffer.alloc(size, size)
    expect(parsePem(pemText('X', bytes))[0].bytes).toEqual(bytes)
    expect(pemText('X', bytes)).not.toContain('\n\n')
  }
})
