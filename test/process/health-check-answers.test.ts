// How --health-check judges the answers, without a tracker.
import { expect, test } from 'bun:test'
import { FlagError } from '../../src/config/cli.ts'
import { checkHealth } from '../../src/process/health-check.ts'

function ask(
  seconds: string,
  answers: (host: string) => Promise<string | null>,
  ...addresses: string[]
) {
  const asked: string[] = []
  const settings = { address: addresses, address_ipv6: '', ipv6_only: false }
  const code = checkHealth(settings as never, seconds, ({ host }) => {
    asked.push(host)
    return answers(host)
  })
  return code.then((value) => ({ code: value, asked }))
}

const healthy = () => Promise.resolve(null)

test.each(['0', '-1', 'soon', '', '60.001', '61'])('%p seconds are refused', async (seconds) => {
  const error = await ask(seconds, healthy, '127.0.0.1:1').catch((caught: unknown) => caught)
  expect(error).toBeInstanceOf(FlagError)
})

test.each(['0.001', '60', '1'])('%p seconds are not', async (seconds) => {
  const outcome = await ask(seconds, healthy, '127.0.0.1:1')
  expect(outcome).toEqual({ code: 0, asked: ['127.0.0.1'] })
})

test('every address is asked, and each has to answer; a wildcard is asked on this machine', async () => {
  const all = ['127.0.0.2:1', '0.0.0.0:2', '[::]:3']
  const asked = ['127.0.0.2', '127.0.0.1', '::1']
  expect(await ask('1', healthy, ...all)).toEqual({ code: 0, asked })
  for (const silent of asked) {
    const answer = (host: string) => (host === silent ? new Promise<null>(() => {}) : healthy())
    expect(await ask('0.01', answer, ...all)).toEqual({ code: 1, asked })
    const wrong = (host: string) => Promise.resolve(host === silent ? 'something else' : null)
    expect(await ask('1', wrong, ...all)).toEqual({ code: 1, asked })
    const broken = (host: string) => (host === silent ? Promise.reject('broken') : healthy())
    expect(await ask('1', broken, ...all)).toEqual({ code: 1, asked })
  }
})

test('a port that the system chose is not asked', async () => {
  expect(await ask('1', healthy, '127.0.0.1:0')).toEqual({ code: 1, asked: [] })
})
