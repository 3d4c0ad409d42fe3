import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'smol-toml'
import { entryOf, namesOf, PROTOCOLS, type Protocol } from '../../../load/compare/entries.ts'
import type { StartPlan } from '../../../load/compare/other-trackers.ts'
import { folderOfFile } from '../../support/folder.ts'

const folder = folderOfFile()

function command(protocol: Protocol, name: string, plan: Partial<StartPlan> = {}) {
  const entry = entryOf(protocol, name)
  if (entry === null) throw new Error(`no ${name}`)
  return entry.command({
    name,
    executable: `/bin/${name}`,
    settings: '',
    port: 4321,
    workers: 3,
    folder,
    infoHashes: () => 'aa\n',
    certificate: null,
    ...plan,
  })
}

describe('every entry', () => {
  const all = PROTOCOLS.flatMap((protocol) =>
    namesOf(protocol).map((name) => [protocol, name] as const),
  )

  test.each(all)('%s %s starts its executable on the port', (protocol, name) => {
    const { argv, env } = command(protocol, name)
    expect(argv[0]).toBe(`/bin/${name}`)
    const file = argv.at(-1) ?? ''
    const readable = [env?.TORRUST_TRACKER_CONFIG_TOML_PATH, file].find((path) =>
      path?.startsWith(folder),
    )
    const told = `${[...argv, ...Object.values(env ?? {})].join(' ')} ${readable === undefined ? '' : readFileSync(readable, 'utf8')}`
    expect(told).toContain('4321')
  })

  test('of no entries is empty', () => {
    expect(entryOf('udp', 'opentraker')).toBeNull()
    expect(entryOf('udp', 'ours-today')).toBe(entryOf('udp', 'ours'))
    expect(entryOf('ws', 'opentracker')).toBeNull()
  })
})

describe('settings of the aquatic family', () => {
  const settingsOf = (plan: Partial<StartPlan>, name = 'ours', protocol: Protocol = 'udp') =>
    parse(readFileSync(command(protocol, name, plan).argv.at(-1) ?? '', 'utf8')) as Record<
      string,
      unknown
    >

  test('get address and workers beside the user’s own', () => {
    expect(
      settingsOf({ settings: 'log_level = "info"\n[network]\nx = 1\n[cleaning]\ny = 2\n' }),
    ).toEqual({
      socket_workers: 3,
      log_level: 'info',
      network: { address: '127.0.0.1:4321', x: 1 },
      cleaning: { y: 2 },
    })
  })

  test('keep workers that the user has chosen', () => {
    expect(settingsOf({ settings: 'socket_workers = 7\n' }).socket_workers).toBe(7)
  })

  test('of a wildcard variant listen everywhere', () => {
    expect(settingsOf({}, 'ours-wildcard').network).toEqual({ address: '0.0.0.0:4321' })
  })

  test('of WebTorrent name the certificate', () => {
    const certificate = { certificate: '/a.pem', key: '/b.pem' }
    expect(settingsOf({ certificate }, 'aquatic', 'ws').network).toMatchObject({ enable_tls: true })
    expect(settingsOf({ certificate }, 'ours', 'ws').network).toMatchObject({
      use_tls: true,
      tls_certificate_path: '/a.pem',
      tls_private_key_path: '/b.pem',
    })
  })
})

test('opentracker gets a list of what it serves, with several workers in its settings file', () => {
  const one = command('udp', 'opentracker', { workers: 1 })
  expect(readFileSync(join(folder, 'white-list'), 'utf8')).toBe('aa\n')
  expect(one.argv).toContain('white-list')
  const several = command('udp', 'opentracker')
  expect(readFileSync(several.argv.at(-1) ?? '', 'utf8')).toContain('access.whitelist white-list')
})
