import { expect, test } from 'bun:test'
import { FAILING, SERVING, SILENT } from '../../src/requests/pause.ts'
import { pauseOf, pauseSection, pauseTrouble } from '../../src/requests/pause-settings.ts'

const CONFIG = { ipv4: 'no', ipv6: 'silent', reason: 'no', retry_minutes: 7 } as const

test('the stricter of family and scheme counts', () => {
  const { settings } = pauseSection({ silence: '', failure: '' }, {})
  expect(settings.ipv4.defaultValue).toBe('no')
  const all = (scheme: 'no' | 'failure' | 'silent') => {
    const { ipv4, ipv6 } = pauseOf(CONFIG, scheme)
    return [ipv4, ipv6]
  }
  expect(all('no')).toEqual([SERVING, SILENT])
  expect(all('failure')).toEqual([FAILING, SILENT])
  expect(all('silent')).toEqual([SILENT, SILENT])
  expect(pauseOf(CONFIG)).toEqual({ ipv4: SERVING, ipv6: SILENT, reason: 'no', retryMinutes: 7 })
})

test('a reason has 1 to 80 ASCII characters, so that it is shorter than any announce', () => {
  const { reason } = pauseSection({ silence: '', failure: '' }, {}).settings
  const allows = (text: string) => 'value' in reason.check(text)
  for (const text of ['x', 'Back on Monday', 'x'.repeat(80)]) expect(allows(text)).toBe(true)
  for (const text of ['', 'x'.repeat(81), 'zurück', 'two\nlines', '\u0000']) {
    expect(allows(text)).toBe(false)
  }
})

test('the trouble names what is paused, and nothing else', () => {
  const textOf = (config: Record<string, string | number>) =>
    pauseTrouble(() => config).find()?.text ?? null
  expect(textOf({ ipv4: 'no', reason: 'failure', retry_minutes: 1 })).toBeNull()
  expect(textOf({ ...CONFIG, https: 'failure' })).toBe(
    "Requests are not served: [pause] ipv6 = 'silent', [pause] https = 'failure'.",
  )
})
