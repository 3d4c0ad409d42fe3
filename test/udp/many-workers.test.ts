// Many threads on few processors, under a load that checks every answer: peers and counts against what
// was announced and answered before. The load tester ends with another exit code when one is wrong.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { runLoadTest, SMALL } from '../load/udp/load-test.ts'
import { listenOn, withTracker } from '../support/tracker.ts'

setDefaultTimeout(180_000)

test.each([
  [4, 0],
  [8, 0],
  [4, 4],
  [8, 8],
  [1, 8],
  [8, 1],
  [3, 2],
])('%d socket workers and %d request workers: no answer is wrong', (sockets, requests) => {
  const workers = `socket_workers = ${sockets}\nrequest_workers = ${requests}\n`
  return withTracker({ settings: workers + listenOn('127.0.0.1:0') }, async (tracker) => {
    const load = `server_address = '${tracker.address()}'\nduration = 2\nworkers = 2\n${SMALL}
[network]
sockets_per_worker = 16
`
    const { code, stderr, json } = await runLoadTest(load)
    expect(stderr).not.toContain('wrong')
    expect(code).toBe(0)
    expect(json.wrong_answers).toBe(0)
    const { counts } = json.summary
    expect(counts.answered_announce).toBeGreaterThan(5000)
    expect(counts.answered_scrape).toBeGreaterThan(50)
  })
})
