// Keys of private trackers over HTTP: in the path of announces and scrapes.
import { describe, expect, test } from 'bun:test'
import { gateOf, readKeys } from '../../access-keys/support.ts'
import { announceTarget, CLIENT, get, HttpHarness } from '../harness.ts'

const KEY = 'Zb6cK9-valid_key'
const HASHES = `info_hash=${'a'.repeat(20)}`

async function harnessOf({ required = true, guessesPerMinute = 0 } = {}): Promise<HttpHarness> {
  const { table } = await readKeys(`${KEY}\nold 2001-01-01\n`)
  return new HttpHarness({ keys: gateOf({ required, table, guessesPerMinute }) })
}

const announceAt = (path: string) => announceTarget().replace('/announce', path)

describe('where keys are required', () => {
  test.each([
    ['/KEY/announce', ''],
    ['/announce/KEY', ''],
    ['/announce', 'Access key missing: use the announce URL that you were given'],
    ['/announce/', 'Access key missing: use the announce URL that you were given'],
    ['/nobody/announce', 'Access key unknown'],
    ['/announce/nobody', 'Access key unknown'],
    ['/old/announce', 'Access key has expired'],
  ])('an announce to %s', async (path, failure) => {
    const harness = await harnessOf()
    const answer = harness.ask(announceAt(path.replace('KEY', KEY)))
    expect(answer['failure reason'] ?? '').toBe(failure)
    if (failure === '') expect(answer.peers).toBe('')
    else expect(answer.interval).toBe(900)
  })

  test('a scrape needs one too, in the same places', async () => {
    const harness = await harnessOf()
    harness.ask(announceAt(`/${KEY}/announce`))
    const files = { ['a'.repeat(20)]: { complete: 0, downloaded: 0, incomplete: 1 } }
    for (const path of [`/${KEY}/scrape`, `/scrape/${KEY}`]) {
      expect(harness.ask(`${path}?${HASHES}`).files).toEqual(files)
    }
    const failures = ['/scrape', '/nobody/scrape', '/scrape/old'].map(
      (path) => harness.ask(`${path}?${HASHES}`)['failure reason'],
    )
    expect(failures).toEqual([
      'Access key missing: use the announce URL that you were given',
      'Access key unknown',
      'Access key has expired',
    ])
  })

  test('a URL without one stays wrong, and with one it may become right', async () => {
    const harness = await harnessOf()
    const retry = (path: string) => harness.ask(announceAt(path))['retry in']
    expect(['/announce', '/nobody/announce', '/old/announce'].map(retry)).toEqual(['never', 15, 15])
  })

  test('refusals are counted by reason, and the connection stays', async () => {
    const harness = await harnessOf()
    for (const path of ['/announce', '/nobody/announce', '/old/announce']) {
      harness.send(get(announceAt(path)))
      expect(harness.request.close).toBe(false)
    }
    expect(harness.counts).toEqual({
      requests_announce: 3,
      responses_failure: 3,
      rejected_key_missing: 1,
      rejected_key_unknown: 1,
      rejected_key_ended: 1,
    })
  })

  test('an address that guesses is refused, valid keys and all, and its connection ends', async () => {
    const harness = await harnessOf({ guessesPerMinute: 1 })
    const failure = (key: string, from = CLIENT) =>
      harness.ask(announceAt(`/${key}/announce`), from)['failure reason']
    for (let i = 0; i < 10; i++) expect(failure(`no-${i}`)).toBe('Access key unknown')
    expect(failure(KEY)).toContain('Too many unknown access keys')
    expect(harness.request.close).toBe(true)
    expect(failure(KEY, '192.0.2.99')).toBeUndefined()
    expect(harness.counts.rejected_key_guesses).toBe(1)
  })

  test('the page and the health are for everyone', async () => {
    const harness = await harnessOf()
    expect(['/', '/health'].map((path) => harness.send(get(path)).status)).toEqual([200, 200])
  })
})

test('where none is required, keys do not matter', async () => {
  const harness = await harnessOf({ required: false })
  for (const path of ['/announce', '/nobody/announce', '/announce/old']) {
    expect(harness.ask(announceAt(path)).peers).toBe('')
  }
})
