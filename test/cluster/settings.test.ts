// What is wrong with [cluster], in the words of whoever has to mend it; and what its files must hold.
import { describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { nkeys } from '@nats-io/transport-node'
import { aquaticTracker } from '../../src/aquatic/protocols.ts'
import { clusterFaults, readAccess } from '../../src/cluster/access.ts'
import { type ClusterConfig, clusterSettings, parseServer } from '../../src/cluster/settings.ts'
import { loadSettings } from '../../src/config/load.ts'
import { defaultsOf } from '../../src/config/schema.ts'
import { httpSettings } from '../../src/http/settings/config.ts'
import { udpSettings } from '../../src/udp/settings/config.ts'
import { wsSettings } from '../../src/ws/settings/program.ts'
import { Certificates } from '../support/certificates.ts'
import { inFolder } from '../support/folder.ts'

type Load = (environment: Record<string, string>) => {
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}

const PROGRAMS: readonly (readonly [string, Load])[] = [
  ['aquatic_udp', (environment) => loadSettings(udpSettings, null, environment)],
  ['aquatic_http', (environment) => loadSettings(httpSettings, null, environment)],
  ['aquatic_ws', (environment) => loadSettings(wsSettings, null, environment)],
  ['aquatic', (environment) => loadSettings(aquaticTracker.settings, null, environment)],
]

/** Variables of the section's settings. */
function variables(settings: Record<string, string>): Record<string, string> {
  const named = Object.entries(settings).map(([key, value]) => [
    `AQUATIC_CLUSTER_${key.toUpperCase()}`,
    value,
  ])
  return Object.fromEntries(named)
}

const BASE = { servers: '192.0.2.1', node: 'a' }

const PROBLEMS: readonly (readonly [string, Record<string, string>, string])[] = [
  ['servers without a node', { servers: '192.0.2.1' }, 'needs [cluster] node'],
  ['no address', { servers: '192.0.2.1:99999' }, 'is not the address of a server'],
  ['half an address', { servers: '1.2.3' }, 'is not the address of a server'],
  ['a web address', { servers: 'http://a.example' }, 'is not the address of a server'],
  ['a password in the address', { servers: 'nats://me:pw@a.example' }, 'has a user or a password'],
  ['a name with a dot', { ...BASE, node: 'a.b' }, 'letters, digits, - and _'],
  ['a name that is too long', { ...BASE, node: 'a'.repeat(33) }, '1 to 32'],
  ['the name of all', { ...BASE, node: 'all' }, 'means every node'],
  ['a subject with a wildcard', { ...BASE, subject: 'a.*' }, 'is not of that form'],
  ['a subject with an empty word', { ...BASE, subject: 'a..b' }, 'is not of that form'],
  [
    'credentials without a file',
    { ...BASE, credentials: 'token' },
    'needs [cluster] credentials_path',
  ],
  ['a file without credentials', { ...BASE, credentials_path: '/x' }, '[cluster] credentials'],
  [
    'a password without a user',
    { ...BASE, credentials: 'password', credentials_path: '/x' },
    'needs [cluster] user',
  ],
  [
    'a user with a token',
    { ...BASE, credentials: 'token', credentials_path: '/x', user: 'u' },
    '[cluster] user is not used',
  ],
  ['an authority without TLS', { ...BASE, tls_ca_path: '/x' }, 'set [cluster] use_tls = true'],
  [
    'a certificate without its key',
    { ...BASE, use_tls: 'true', tls_certificate_path: '/x' },
    'needs [cluster] tls_private_key_path',
  ],
]

describe.each(PROGRAMS)('%s', (_, load) => {
  test.each(PROBLEMS)('refuses %s', (_, settings, part) => {
    const { problems } = load(variables(settings))
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(part)
  })

  test.each([
    [{ ...BASE }],
    [
      {
        servers: "['nats://[2001:db8::1]:4222', 'nats.example.com', 'localhost:14222']",
        node: 'b-2_X',
      },
    ],
    [{ ...BASE, servers: 'localhost', credentials: 'token', credentials_path: '/x' }],
    [{ ...BASE, credentials: 'nkey', credentials_path: '/x', subject: 'a.b-c' }],
    [{ ...BASE, use_tls: 'true', credentials: 'password', credentials_path: '/x', user: 'u' }],
  ])('takes %j', (settings) => {
    const { problems, warnings } = load(variables(settings))
    expect({ problems, warnings }).toEqual({ problems: [], warnings: [] })
  })

  test('warns of a token that others can read, and of settings without servers', () => {
    const open = load(variables({ ...BASE, credentials: 'token', credentials_path: '/x' }))
    expect(open.problems).toEqual([])
    expect(open.warnings.join()).toContain('can be read on the way to 192.0.2.1')
    const idle = load(variables({ node: 'a' }))
    expect(idle.problems).toEqual([])
    expect(idle.warnings.join()).toContain('[cluster] node has no effect without servers')
  })

  test('refuses a name of a server that cannot be looked up in a new root directory', () => {
    const chroot = {
      AQUATIC_PRIVILEGES_DROP_PRIVILEGES: 'true',
      AQUATIC_PRIVILEGES_CHROOT_PATH: '/srv',
    }
    const { problems } = load({ ...variables({ ...BASE, servers: 'a.example' }), ...chroot })
    expect(problems.join()).toContain('[cluster] servers names a.example')
    expect(load({ ...variables(BASE), ...chroot }).problems).toEqual([])
  })
})

test('an address of a server', () => {
  expect(parseServer('10.0.0.1')).toEqual({ host: '10.0.0.1', port: 4222 })
  expect(parseServer('tls://a.example:1/')).toEqual({ host: 'a.example', port: 1 })
  expect(parseServer('[::1]')).toEqual({ host: '::1', port: 4222 })
  for (const text of ['::1', '[1.2.3.4]', 'a b', 'a:0', 'a:', '1.2.3.4.5', 'ws://a', 'a/b', '']) {
    expect({ text, parsed: parseServer(text) }).toEqual({ text, parsed: null })
  }
})

describe('the files that the settings name', () => {
  const defaults = defaultsOf(clusterSettings.settings) as ClusterConfig
  const seed = Buffer.from(nkeys.createUser().getSeed()).toString()
  const creds =
    '-----BEGIN NATS USER JWT-----\neyJ0eXAi.e30.c2ln\n------END NATS USER JWT------\n\n' +
    `-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`

  /** With a file of these contents. */
  function withFile<T>(
    credentials: ClusterConfig['credentials'],
    text: string,
    use: (config: ClusterConfig) => Promise<T>,
  ): Promise<T> {
    return inFolder((folder) => {
      const path = join(folder, 'secret')
      writeFileSync(path, text)
      const user = credentials === 'password' ? 'me' : ''
      return use({ ...defaults, ...BASE, credentials, credentials_path: path, user })
    })
  }

  test('are not read without servers', async () => {
    expect(await readAccess({ ...defaults, credentials_path: '/nowhere' })).toBeNull()
  })

  test.each([
    ['password', 'pass word\n', { kind: 'password', user: 'me', password: 'pass word' }],
    ['token', 'T\r\nrest', { kind: 'token', token: 'T' }],
    ['nkey', ` ${seed}\n`, { kind: 'nkey', seed }],
    ['creds', creds, { kind: 'creds', text: creds }],
  ] as const)('%s is read', (credentials, text, expected) =>
    withFile(credentials, text, async (config) => {
      expect(await clusterFaults(config)).toEqual([])
      const access = await readAccess(config)
      expect(access?.credentials).toEqual(expected)
      expect(access?.servers).toEqual(['192.0.2.1:4222'])
      // It goes to another thread.
      expect(structuredClone(access)).toEqual(access)
    }),
  )

  test.each([
    ['password', '\nx', 'has no password in its first line'],
    ['token', '', 'has no token in its first line'],
    ['nkey', seed.slice(0, -1), 'has no seed (SU…)'],
    ['nkey', 'secret-value', 'has no seed (SU…)'],
    ['creds', creds.slice(0, 60), 'has no token and seed'],
    ['creds', creds.replace(seed, 'SUsecret-value'), 'has no token and seed'],
  ] as const)('%s of %j is refused, and not shown', (credentials, text, part) =>
    withFile(credentials, text, async (config) => {
      const [fault, ...more] = await clusterFaults(config)
      expect(fault).toContain(`[cluster] credentials_path '${config.credentials_path}' ${part}`)
      expect(fault).not.toContain('secret-value')
      expect(more).toEqual([])
    }),
  )

  test('one that is missing is named with its setting', async () => {
    const config = {
      ...defaults,
      ...BASE,
      credentials: 'token',
      credentials_path: '/nowhere/x',
    } as const
    const [fault] = await clusterFaults(config)
    expect(fault).toContain("[cluster] credentials_path '/nowhere/x' cannot be read")
  })

  test('a file that the settings do not name is no fault of the file as well', async () => {
    expect(await clusterFaults({ ...defaults, ...BASE, credentials: 'token' })).toEqual([])
  })

  test('of TLS: authorities that are none, and a key of another certificate', async () => {
    const files = new Certificates()
    try {
      files.makeNamed('one', 'a.example')
      files.makeNamed('other', 'b.example')
      const empty = files.write('empty.pem', 'no certificate')
      const cut = files.write('cut.pem', files.read('one.pem').replace(/[A-Za-z0-9+/]{64}\n/, ''))
      const base = { ...defaults, ...BASE, use_tls: true }
      for (const path of [empty, cut]) {
        const [fault] = await clusterFaults({ ...base, tls_ca_path: path })
        expect(fault).toContain(`[cluster] tls_ca_path '${path}' has no certificates`)
      }
      const pair = (key: string) => ({
        ...base,
        tls_ca_path: files.path('one.pem'),
        tls_certificate_path: files.path('one.pem'),
        tls_private_key_path: files.path(key),
      })
      expect(await clusterFaults(pair('one-key.pem'))).toEqual([])
      const [fault] = await clusterFaults(pair('other-key.pem'))
      expect(fault).toContain('cannot be used together')
    } finally {
      files.remove()
    }
  })
})
