import { describe, expect, test } from 'bun:test'
import { clientOf } from '../../src/census/peer-id.ts'
import { OTHER, ROWS_MAX, Tally } from '../../src/census/tally.ts'
import { randomWords } from '../support/random.ts'
import { add } from './peer-ids.ts'

describe('a tally', () => {
  test('adds up versions, clients with most peers first, what is unknown and the rest last', () => {
    const tally = new Tally()
    add(tally, '\0\0\0\0\0\0\0\0', 100)
    add(tally, '-TR4050-', 3)
    add(tally, '-qB4650-', 2)
    add(tally, '-qB4640-', 1)
    add(tally, '-qB5000-', 4)
    add(tally, '-Zz0000-', 1)
    expect(tally.result()).toEqual([
      { client: 'qBittorrent', version: '5.0', peers: 4 },
      { client: 'qBittorrent', version: '4.6', peers: 3 },
      { client: 'Transmission', version: '4.0', peers: 3 },
      { client: '-Zz-', version: '', peers: 1 },
      { client: 'unknown', version: '', peers: 100 },
    ])
  })

  test.each(['-qB4650-', '-UT355W-', '-TR4050-', 'M7-9-2--', '-WW0112-', '-lt0D60-'])(
    'reads %s byte by byte',
    (start) => {
      const tally = new Tally()
      add(tally, start, 1)
      const { name, version } = clientOf(start)
      expect(tally.result()).toEqual([{ client: name, version, peers: 1 }])
      // Otherwise the test would not notice swapped bytes.
      expect(name).not.toBe('unknown')
    },
  )

  test('tells 256 versions of a client apart, and counts those beyond as one', () => {
    const digits = '0123456789ABCDEFGHIJ'
    const versions = [...digits].flatMap((major) =>
      [...digits].map((minor) => `-qB${major}${minor}00-`),
    )
    const popular = (before: number) => {
      const tally = new Tally()
      for (const start of versions.slice(0, before)) add(tally, start, 1)
      add(tally, versions[before], 1000)
      return tally.result().find(({ peers }) => peers >= 1000)?.version
    }
    expect(popular(255)).toBe(clientOf(versions[255]).version)
    expect(popular(256)).toBe(OTHER)
  })

  test('without peers is empty', () => {
    expect(new Tally().result()).toEqual([])
  })

  test('names the most frequent 30 clients and 60 versions; no peer is lost', () => {
    const tally = new Tally()
    for (let code = 0; code < 40; code++) {
      const letters = `Z${String.fromCharCode(65 + (code % 26))}`.slice(0, 1 + (code < 26 ? 1 : 0))
      add(tally, `-${letters.padEnd(2, String(code % 10))}0000-`, 1000 - code)
    }
    for (let major = 0; major < 9; major++) {
      for (let minor = 0; minor < 9; minor++) add(tally, `-qB${major}${minor}00-`, 100 + minor)
    }
    const rows = tally.result()
    const versions = rows.filter(({ version }) => version !== '' && version !== OTHER)
    expect(versions).toHaveLength(60)
    expect(new Set(rows.map(({ client }) => client)).size).toBeLessThanOrEqual(31)
    expect(rows.filter(({ version }) => version === OTHER)).toHaveLength(1)
    const least = Math.min(...versions.map(({ peers }) => peers))
    expect(least).toBe(102)
    expect(rows.at(-1)?.client).toBe(OTHER)
  })

  test('of random peer ids has no more rows than it says, no two alike, and loses no peer', () => {
    const random = randomWords(7)
    const tally = new Tally()
    const codes = ['qB', 'TR', 'UT', 'DE', 'lt', 'WW', 'AZ']
    let peers = 0
    for (let i = 0; i < 300_000; i++) {
      const start = Buffer.alloc(8)
      start.writeUInt32LE(random(), 0)
      start.writeUInt32LE(random(), 4)
      const kind = random() % 4
      const letter = () =>
        'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'[random() % 62]
      const text =
        kind === 0
          ? `-${letter()}${letter()}${letter()}${letter()}${letter()}0-`
          : kind === 1
            ? `-${codes[random() % codes.length]}${letter()}${letter()}00-`
            : start.toString('latin1')
      const weight = 1 << (random() % 3)
      add(tally, text, weight)
      peers += weight
    }
    const rows = tally.result()
    expect(rows.length).toBeLessThanOrEqual(ROWS_MAX)
    expect(rows.length).toBeGreaterThan(60)
    expect(new Set(rows.map(({ client, version }) => `${client}|${version}`)).size).toBe(
      rows.length,
    )
    expect(rows.reduce((sum, row) => sum + row.peers, 0)).toBe(peers)
  })
})
