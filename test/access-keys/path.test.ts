import { expect, test } from 'bun:test'
import { PathKey } from '../../src/access-keys/path.ts'

/** Written for clarity, as a model. */
function naiveKey(text: string): string {
  const match = /^\/([^/?#]*)(?:\/([^/?#]*))?(?:[?#]|$)/.exec(text)
  if (match === null) return ''
  const [, first, second] = match
  if (second === undefined) return first === 'announce' ? '' : first
  if (second === 'announce') return first
  return first === 'announce' ? second : ''
}

function keyIn(text: string): string {
  const bytes = Buffer.from(`..${text}..`)
  const found = new PathKey()
  found.find(bytes, 2, bytes.length - 2)
  return bytes.toString('utf8', found.from, found.to)
}

test.each([
  ['/abc/announce', 'abc'],
  ['/announce/abc', 'abc'],
  ['/abc', 'abc'],
  ['/abc/announce?passkey=x', 'abc'],
  ['/announce/abc?a=/b', 'abc'],
  ['/abc#x', 'abc'],
  ['/announce/announce', 'announce'],
  ['', ''],
  ['/', ''],
  ['/?', ''],
  ['/announce', ''],
  ['/announce/', ''],
  ['//announce', ''],
  ['/announce?abc', ''],
  ['abc/announce', ''],
  ['/abc/def', ''],
  ['/abc/announce/', ''],
  ['/a/b/announce', ''],
  ['/abc/announces', ''],
  ['/abc/Announce', ''],
])('the key in «%s» is «%s»', (path, key) => {
  expect(keyIn(path)).toBe(key)
  expect(naiveKey(path)).toBe(key)
})

test('any path is read as a naive reader reads it', () => {
  const parts = ['/', '/', 'announce', 'abc', '?', '#', 'announc', 'e', 'x', '//']
  let state = 7
  for (let round = 0; round < 20_000; round++) {
    let text = ''
    for (let i = 0; i < 1 + (round % 6); i++) {
      state = (Math.imul(state, 1103515245) + 12345) | 0
      text += parts[(state >>> 16) % parts.length]
    }
    expect(keyIn(text)).toBe(naiveKey(text))
  }
})
