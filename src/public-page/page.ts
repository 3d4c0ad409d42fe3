// The public page as HTML: everything drawn here, so that it works without scripts and from no other place. A small
// script copies URLs and fetches the page again. Called by public-page.ts. Pure.
import { grouped, rateText } from '../metrics/text-table.ts'
import { agoText, availabilityText } from '../operations/format.ts'
import { ICON } from '../operations/icon.ts'
import { pagePolicy } from '../plot/plot.ts'
import type { PublicFigures, PublicProtocol, PublicSwarm } from './figures.ts'
import { STYLE } from './style.ts'

const REFRESH_SECONDS = 60

/** navigator.clipboard is there over https alone; the older command works everywhere. */
const SCRIPT = `
const copy = async (button) => {
  const code = button.parentElement.querySelector('code')
  let done = false
  try {
    if (navigator.clipboard) { await navigator.clipboard.writeText(code.textContent); done = true }
  } catch {}
  if (!done) {
    getSelection().selectAllChildren(code)
    done = document.execCommand('copy')
  }
  button.textContent = done ? 'Copied' : 'Press Ctrl+C'
  setTimeout(() => { button.textContent = 'Copy' }, 2000)
}
const main = document.querySelector('main')
main.addEventListener('click', ({ target }) => { if (target.tagName === 'BUTTON') copy(target) })
const showButtons = () => { for (const button of main.querySelectorAll('button')) button.hidden = false }
const refresh = async () => {
  if (document.hidden) return
  try {
    const response = await fetch(location.pathname, { cache: 'no-cache' })
    if (!response.ok) throw new Error()
    const next = new DOMParser().parseFromString(await response.text(), 'text/html')
    document.querySelector('header').replaceWith(next.querySelector('header'))
    for (const part of next.querySelectorAll('[data-part]')) {
      document.querySelector('[data-part=' + part.dataset.part + ']').replaceWith(part)
    }
    document.body.classList.remove('lost')
  } catch {
    document.body.classList.add('lost')
  }
}
showButtons()
setInterval(refresh, ${REFRESH_SECONDS * 1000})
document.addEventListener('visibilitychange', refresh)
`

export const CONTENT_SECURITY_POLICY = pagePolicy(SCRIPT, STYLE)

const STATES = { up: 'Up', degraded: 'Up, with problems', down: 'Not serving' } as const

/** `jsonPath`: relative to the page. */
export function pageHtml(figures: PublicFigures, jsonPath: string): string {
  const title = titleOf(figures)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}: ${STATES[figures.state].toLowerCase()}</title>
<link rel="icon" href="${ICON}">
<style>${STYLE}</style>
</head>
<body>
<p id="lost" role="alert">No answer from the tracker: what you see is old.</p>
${headerHtml(figures, title)}
<main>
${urlsHtml(figures.announce_urls)}<div data-part="figures">
${figuresHtml(figures)}</div>
</main>
<footer>A BitTorrent tracker by ${escaped(figures.name)} ${escaped(figures.version)} · <a href="${jsonPath}">as JSON</a></footer>
<script>${SCRIPT}</script>
</body>
</html>
`
}

function headerHtml({ state, time, serving_since }: PublicFigures, title: string): string {
  const since =
    state === 'down' ? '' : ` for ${agoText(Date.parse(time) - Date.parse(serving_since))}`
  return `<header data-state="${state}">
<h1>${title}</h1>
<p><span class="state ${state}">${STATES[state]}</span><span class="soft">${since} · as of ${time.slice(11, 16)} UTC</span></p>
</header>`
}

/** The host of the first URL, which is what people know it by. */
function titleOf({ announce_urls }: PublicFigures): string {
  const [first] = announce_urls
  return first === undefined ? 'BitTorrent tracker' : escaped(new URL(first).hostname)
}

function urlsHtml(urls: readonly string[]): string {
  if (urls.length === 0) return ''
  const items = urls.map((url) => {
    const text = escaped(url)
    return `<li><code>${text}</code><button type="button" hidden aria-label="Copy ${text}">Copy</button></li>`
  })
  return `<section class="card">
<h2>Announce URLs</h2>
<ul>${items.join('\n')}</ul>
</section>
`
}

function figuresHtml(figures: PublicFigures): string {
  const { torrents, seeders, leechers } = figures
  const now = figures.protocols.reduce((sum, each) => sum + each.requests_per_second, 0)
  const tiles = [
    ['Peers', grouped(figures.peers)],
    ['Seeders', grouped(seeders)],
    ['Leechers', grouped(leechers)],
    ['Torrents', grouped(torrents)],
    ['Requests per second', rateText(now)],
  ]
  return `<dl class="tiles">${tiles.map(([name, value]) => `<div class="card"><dt>${name}</dt><dd>${value}</dd></div>`).join('')}</dl>
${requestsHtml(figures.requests)}${availabilityHtml(figures.availability)}${swarmsHtml(figures.swarms)}${protocolsHtml(figures.protocols)}`
}

const CHART_HEIGHT = 100

function requestsHtml({ per_second, step_seconds }: PublicFigures['requests']): string {
  const known = per_second.filter((value) => value !== null)
  const most = Math.max(0, ...known)
  const mean = known.length === 0 ? 0 : known.reduce((sum, value) => sum + value, 0) / known.length
  const y = (value: number) =>
    Number((CHART_HEIGHT * (1 - (most === 0 ? 0 : value / most) * 0.96)).toFixed(1))
  // A column for each value; where there is none, a gap.
  let line = ''
  let area = ''
  for (const [i, value] of per_second.entries()) {
    if (value === null) continue
    line += `${i > 0 && per_second[i - 1] !== null ? 'L' : 'M'}${i} ${y(value)}H${i + 1}`
    area += `M${i} ${CHART_HEIGHT}V${y(value)}h1V${CHART_HEIGHT}z`
  }
  const text =
    known.length === 0
      ? 'nothing yet'
      : `${rateText(mean)} per second on average, at most ${rateText(most)}`
  const hours = Math.round((per_second.length * step_seconds) / 3600)
  return `<section class="card">
<h2>Requests of the last ${hours} hours</h2>
<svg class="chart" viewBox="0 0 ${per_second.length} ${CHART_HEIGHT}" preserveAspectRatio="none" role="img" aria-label="Requests of the last ${hours} hours: ${text}"><path class="area" d="${area}"/><path class="line" d="${line}"/></svg>
<div class="scale" aria-hidden="true"><span>${hours} hours ago</span><span>now</span></div>
<p class="soft">${text}</p>
</section>
`
}

function availabilityHtml({ share, days }: PublicFigures['availability']): string {
  const bars = days.map(({ day, share }, i) => {
    const text = `${day}: ${share === null ? 'not known' : availabilityText(share)}`
    return `<rect class="${classOf(share)}" x="${i * 4}" width="3" height="10"><title>${text}</title></rect>`
  })
  const known = days.filter((day) => day.share !== null).length
  const text =
    share === null
      ? 'nothing known yet'
      : `${availabilityText(share)} of the time${known < days.length ? `, as far as it is known: ${known === 1 ? 'since today' : `${known} days`}` : ''}`
  return `<section class="card">
<h2>Availability of the last ${days.length} days</h2>
<svg class="bars" viewBox="0 0 ${days.length * 4 - 1} 10" preserveAspectRatio="none" role="img" aria-label="Availability: ${text}">${bars.join('')}</svg>
<div class="scale" aria-hidden="true"><span>${days.length} days ago</span><span>today</span></div>
<p class="soft">${text}</p>
</section>
`
}

function classOf(share: number | null): string {
  if (share === null) return 'none'
  return share >= 0.999 ? 'up' : share >= 0.95 ? 'degraded' : 'down'
}

function swarmsHtml(swarms: readonly PublicSwarm[]): string {
  const rows = swarms.map(
    ({ name, torrents, seeders, leechers }) =>
      `<tr><th scope="row">${escaped(name)}</th><td>${grouped(torrents)}</td><td>${grouped(seeders)}</td><td>${grouped(leechers)}</td></tr>`,
  )
  return tableHtml('Peers', ['reached by', 'torrents', 'seeders', 'leechers'], rows)
}

function protocolsHtml(protocols: readonly PublicProtocol[]): string {
  const rows = protocols.map(
    ({ name, requests_per_second }) =>
      `<tr><th scope="row">${escaped(name)}</th><td>${rateText(requests_per_second)}</td></tr>`,
  )
  return tableHtml('Requests now', ['protocol', 'per second'], rows)
}

function tableHtml(title: string, heads: readonly string[], rows: readonly string[]): string {
  return `<section class="card">
<h2>${title}</h2>
<table><thead><tr>${heads.map((head) => `<th scope="col">${head}</th>`).join('')}</tr></thead>
<tbody>${rows.join('')}</tbody></table>
</section>
`
}

function escaped(text: string): string {
  return Bun.escapeHTML(text)
}
