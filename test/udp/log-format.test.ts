import { expect, setDefaultTimeout, test } from 'bun:test'
import { listenOn, withTracker } from '../support/tracker.ts'
import { withClient } from '../support/udp-client.ts'
import { waitUntil } from '../support/wait.ts'

setDefaultTimeout(180_000)

test("with log_format = 'json' all that a running tracker writes is JSON, statistics included", () =>
  withTracker(
    {
      settings:
        `log_level = 'info'\nlog_format = 'json'\n${listenOn('127.0.0.1:0')}` +
        "[statistics]\ninterval = 1\n[operations]\naddress = '127.0.0.1:0'\n",
    },
    async (tracker) => {
      await withClient('127.0.0.1', (client) => client.announce(tracker.at(), { port: 1 }))
      const objects = () =>
        tracker.stderr
          .split('\n')
          .slice(0, -1)
          .map((line) => JSON.parse(line))
      const statistics = () => objects().filter(({ part }) => part === 'statistics')
      await waitUntil('the announce is in the statistics', () =>
        statistics().some(({ counts }) => counts.requests_announce_ipv4 > 0),
      )
      const last = statistics().at(-1)
      expect(last).toMatchObject({ level: 'info', now: { ipv4: { torrents: 1, leechers: 1 } } })
      expect(last.response_time_seconds).toHaveProperty('p99')
      tracker.signal('SIGTERM')
      await tracker.waitForEnd()
      const messages = objects().map(({ message }) => message)
      expect(messages[0]).toMatch(/^aquatic_udp .* listening on /)
      expect(messages).toContain('stopping')
    },
  ))
