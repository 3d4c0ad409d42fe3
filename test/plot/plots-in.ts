// The charts that a page asks its script to draw. Used by the tests of pages.
import type { PlotData } from '../../src/plot/data.ts'

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', amp: '&' }

export function plotsIn(html: string): PlotData[] {
  return [...html.matchAll(/ data-plot="([^"]*)"/g)].map(([, text]) =>
    JSON.parse(text.replace(/&(\w+);/g, (_, name) => ENTITIES[name])),
  )
}
