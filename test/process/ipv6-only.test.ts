// A start with IPv6 alone, of both trackers, by a settings file and by the environment alone.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import {
  EXECUTABLE,
  listenOn,
  runTracker,
  type StartOptions,
  WS_EXECUTABLE,
  withTracker,
} from '../support/tracker.ts'

setDefaultTimeout(180_000)

describe.each([EXECUTABLE, WS_EXECUTABLE])('%s', (executable) => {
  const ways: [string, StartOptions][] = [
    ['in the file', { settings: `${listenOn('0.0.0.0:0')}ipv6_only = true\n` }],
    [
      'in the environment, with an address that stands for the default one',
      {
        env: { AQUATIC_NETWORK_IPV6_ONLY: 'true', AQUATIC_NETWORK_ADDRESS: '0.0.0.0:0' },
        settings: '',
      },
    ],
    [
      'in the environment, by an empty list and address_ipv6',
      {
        env: { AQUATIC_NETWORK_ADDRESS: '[]', AQUATIC_NETWORK_ADDRESS_IPV6: '[::]:0' },
        settings: '',
      },
    ],
  ]
  test.each(ways)('listens on IPv6 alone: %s', (_, options) =>
    withTracker({ ...options, executable }, async (tracker) => {
      expect(tracker.endpoints.map(({ host }) => host)).toEqual(['::'])
      const { port } = tracker.at()
      // Free for IPv4: a socket that takes both families would be in the way.
      await withTracker({ executable, settings: listenOn(`127.0.0.1:${port}`) }, (other) => {
        expect(other.at()).toEqual({ host: '127.0.0.1', port })
      })
    }),
  )

  test('refuses another IPv4 address beside it', async () => {
    const settings = `${listenOn('127.0.0.1:0')}ipv6_only = true\n`
    const { code, stderr } = await runTracker({ executable, settings })
    expect(code).toBe(1)
    expect(stderr).toContain('ipv6_only = true, but address names 127.0.0.1:0')
  })
})
