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
const REDIRECT = { PLAIN_REQUESTS: 'redirect', HTTPS_NAME: 'tracker.example.com' }

/** Of variables of [network]. */
function found(variables: Readonly<Record<string, string>>) {
  const named = Object.entries(variables).map(([name, value]) => [`AQUATIC_NETWORK_${name}`, value])
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
