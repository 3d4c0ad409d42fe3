// Settings of aquatic_http that have no effect beside others: startup and --check warn, so that nobody believes in them.
import { expect, test } from 'bun:test'
import { loadSettings } from '../../src/config/load.ts'
import { httpSettings } from '../../src/http/settings/config.ts'

const TLS = {
  USE_TLS: 'true',
  TLS_CERTIFICATE_PATH: 'cert.pem',
  TLS_PRIVATE_KEY_PATH: 'key.pem',
}
const PLAIN = { ...TLS, PLAIN_ADDRESS: '0.0.0.0:80' }
/** A certificate that the tracker gets by itself. */
const ACME = {
  NETWORK_USE_TLS: 'true',
  NETWORK_PLAIN_ADDRESS: '0.0.0.0:80',
  ACME_DOMAINS: 'tracker.example.com',
  ACME_PATH: '/var/lib/acme',
  ACME_TERMS_ACCEPTED: 'true',
  PRIVILEGES_CHROOT_PATH: '/',
}
const REDIRECT = { PLAIN_REQUESTS: 'redirect', HTTPS_NAME: 'tracker.example.com' }

/** Of variables of [network]. */
function found(variables: Readonly<Record<string, string>>) {
  const named = Object.entries(variables).map(([name, value]) => [`NETWORK_${name}`, value])
  return foundOfAll(Object.fromEntries(named))
}

/** Of variables of all sections. */
function foundOfAll(variables: Readonly<Record<string, string>>) {
  const named = Object.entries(variables).map(([name, value]) => [`AQUATIC_${name}`, value])
  const { problems, warnings } = loadSettings(httpSettings, null, Object.fromEntries(named))
  return { problems, warnings }
}

test.each([
  [REDIRECT, 'PLAIN_REQUESTS', "plain_requests = 'redirect' has no effect without plain_address"],
  [{ ...TLS, ...REDIRECT }, 'PLAIN_REQUESTS', 'has no effect without plain_address'],
  [
    { ...TLS, ACME_WEBROOT: '/srv/acme' },
    'ACME_WEBROOT',
    'acme_webroot has no effect with use_tls',
  ],
  [{ UNIX_SOCKET_MODE: '666' }, 'UNIX_SOCKET_MODE', 'has no effect without unix_socket'],
  [{ UNIX_SOCKET_GROUP: 'www-data' }, 'UNIX_SOCKET_GROUP', 'has no effect without unix_socket'],
])('a setting without effect is warned of: %o', (variables, name, text) => {
  const { problems, warnings } = found(variables)
  expect(problems).toEqual([])
  expect(warnings).toEqual([expect.stringContaining(text)])
  expect(warnings[0]).toStartWith(`AQUATIC_NETWORK_${name}: `)
})

test.each([
  [{}],
  [{ ...PLAIN, ...REDIRECT, ACME_WEBROOT: '/srv/acme' }],
  // Without TLS all addresses are plain.
  [{ ACME_WEBROOT: '/srv/acme' }],
  [{ UNIX_SOCKET: '/run/a.sock', UNIX_SOCKET_MODE: '666', UNIX_SOCKET_GROUP: 'www-data' }],
])('one that has its effect is not: %o', (variables) => {
  expect(found(variables)).toEqual({ problems: [], warnings: [] })
})

test('a wrong name of the host is one mistake, not also a missing one', () => {
  const { problems } = found({ ...PLAIN, ...REDIRECT, HTTPS_NAME: 'https://tracker.example.com/' })
  expect(problems).toEqual([expect.stringContaining('is not a host name')])
})

test.each([
  ['ACME_PATH', '/var/lib/acme', '[acme] path has no effect without domains'],
  ['ACME_TERMS_ACCEPTED', 'true', '[acme] terms_accepted has no effect without domains'],
  ['ACME_EMAIL', 'admin@example.com', '[acme] email has no effect without domains'],
  ['ACME_DIRECTORY', 'https://acme.example/dir', '[acme] directory has no effect without domains'],
])('%s for a certificate that the tracker is not to get is warned of', (name, value, text) => {
  const { problems, warnings } = foundOfAll({ [name]: value })
  expect(problems).toEqual([])
  expect(warnings).toEqual([expect.stringContaining(text)])
  expect(warnings[0]).toStartWith(`AQUATIC_${name}: `)
})

test('the folder of another ACME program beside [acme] is warned of, not passed over', () => {
  const all = { ...ACME, ACME_EMAIL: 'admin@example.com' }
  expect(foundOfAll(all)).toEqual({ problems: [], warnings: [] })
  const { problems, warnings } = foundOfAll({ ...all, NETWORK_ACME_WEBROOT: '/srv/acme' })
  expect(problems).toEqual([])
  expect(warnings).toEqual([expect.stringContaining('has no effect with [acme] domains')])
  expect(warnings[0]).toStartWith('AQUATIC_NETWORK_ACME_WEBROOT: ')
})
