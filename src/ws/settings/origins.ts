// The setting for web pages that may use the tracker: origins as browsers send them, since others would
// silently match nothing. Used by config.ts.
import { type Setting, stringOrList } from '../../config/setting.ts'

const REMEDY = "Write scheme and host, such as 'https://example.com'"

export function originsSetting(explanation: string): Setting<string | string[]> {
  const rules = { allowed: "'', or an origin such as 'https://example.com'", check: checkOrigin }
  const setting = stringOrList('', rules, explanation)
  return {
    ...setting,
    check: (value) => {
      // An empty list could mean nobody or everybody.
      const isEmpty = Array.isArray(value) && (value.length === 0 || value.includes(''))
      if (!isEmpty) return setting.check(value)
      return {
        fault: value.length === 0 ? 'is an empty list' : "has an item ''",
        remedy: "Write '' to allow all, or the origins that may use the tracker",
      }
    },
  }
}

/** Browsers send no port that is the scheme's own, no path, and hosts in ASCII. */
export function checkOrigin(text: string) {
  if (text === '') return null
  const fault = 'is not an origin'
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^/\s]+\/?$/i.test(text)) return { fault, remedy: REMEDY }
  // Origins of browser extensions and apps, which the URL parser cannot parse.
  if (!/^https?:/i.test(text)) {
    return text.endsWith('/') ? { fault, remedy: `Write '${text.slice(0, -1)}'` } : null
  }
  const url = URL.parse(text)
  if (url === null || url.username !== '' || url.search !== '' || url.hash !== '') {
    return { fault, remedy: REMEDY }
  }
  if (url.origin === text.toLowerCase()) return null
  return { fault: 'is not the form that browsers send', remedy: `Write '${url.origin}'` }
}
