import { describe, expect, test } from 'bun:test'
import { AnswerFields } from '../../../load/http/answer.ts'
import { Bencode } from '../../../load/http/bencode.ts'

/** What the strict reader makes of a text: the fields, and whether it is canonical; null for no dictionary. */
function read(text: string) {
  const bytes = new Uint8Array(Buffer.from(text, 'latin1'))
  const bencode = new Bencode()
  const fields = new AnswerFields(bencode)
  bencode.begin(bytes, bytes.length)
  return fields.read(0) ? { fields, isCanonical: bencode.isCanonical } : null
}

const ANNOUNCE =
  'd8:completei3e10:incompletei12e8:intervali1800e12:min intervali900e5:peers6:abcdef6:peers60:e'

test('an answer has its fields', () => {
  const { fields, isCanonical } = read(ANNOUNCE) ?? expect.unreachable()
  expect(isCanonical).toBe(true)
  expect(fields).toMatchObject({
    complete: 3,
    incomplete: 12,
    interval: 1800,
    minInterval: 900,
    peersLength: 6,
    peers6Length: 0,
    hasFailure: false,
  })
  expect(ANNOUNCE.slice(fields.peersFrom, fields.peersFrom + 6)).toBe('abcdef')
})

test('no part of an answer is one', () => {
  for (let end = 0; end < ANNOUNCE.length; end++) expect(read(ANNOUNCE.slice(0, end))).toBeNull()
})

describe('is no dictionary', () => {
  test.each([
    ['nothing', ''],
    ['a number', 'i1e'],
    ['a list', 'le'],
    ['a key that is a number', 'di1ei1ee'],
    ['a key without a value', 'd1:ae'],
    ['a number without digits', 'd1:aiee'],
    ['a number with a sign alone', 'd1:ai-ee'],
    ['a number with a point', 'd1:ai1.5ee'],
    ['a number of 30 digits', `d1:ai${'1'.repeat(30)}ee`],
    ['a string beyond the end', 'd1:a9:be'],
    ['a negative length', 'd1:a-1:be'],
    ['lists in lists without end', `d1:a${'l'.repeat(50)}${'e'.repeat(50)}e`],
  ])('%s', (_, text) => {
    expect(read(text)).toBeNull()
  })
})

describe('is not canonical', () => {
  test.each([
    ['keys out of order', 'd1:bi1e1:ai1ee'],
    ['a key twice', 'd1:ai1e1:ai1ee'],
    ['a longer key before its beginning', 'd2:aai1e1:ai1ee'],
    ['keys out of order further down', 'd1:ad1:bi1e1:ai1eee'],
    ['keys out of order in a list', 'd1:ald1:bi1e1:ai1eeee'],
    ['a zero in front', 'd1:ai01ee'],
    ['a negative zero', 'd1:ai-0ee'],
    ['a length with a zero in front', 'd01:ai1ee'],
    ['bytes behind it', 'd1:ai1ee\r\n'],
  ])('%s', (_, text) => {
    expect(read(text)?.isCanonical).toBe(false)
  })

  test.each(['de', 'd1:ai0ee', 'd1:ai-1ee', 'd0:le1:a0:e', 'd1:\xff1:\x00e'])(
    'but %j is',
    (text) => {
      expect(read(text)?.isCanonical).toBe(true)
    },
  )
})

test('fields of another type are absent', () => {
  const { fields } = read('d8:complete1:35:filesle8:intervallee') ?? expect.unreachable()
  expect(fields).toMatchObject({ complete: -1, filesAt: -1, interval: -1, peersFrom: -1 })
})
