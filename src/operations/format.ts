// Figures as the page shows them. Used by page.ts and chart.ts.
import { bytesText } from '../config/quantities.ts'
import { duration, grouped, rateText } from '../metrics/text-table.ts'
import type { Unit } from './view.ts'

const DASH = '–'

export function valueText(value: number, unit: Unit): string {
  if (!Number.isFinite(value)) return DASH
  switch (unit) {
    case 'seconds':
      return duration(value * 1e9)
    case 'bytes':
      return bytesText(value)
    case 'bytes per second':
      return `${bytesText(value)}/s`
    case 'per second':
      return rateText(value)
    case 'count':
      return grouped(value)
    case 'percent':
    case 'percent of one core':
      return percentText(value)
  }
}

/** Two digits below 10, so that a small tracker's figures do not look like zero. */
function percentText(percent: number): string {
  return `${percent < 9.95 ? Number(percent.toPrecision(2)) : grouped(percent)} %`
}

/** A share of time, from 0 to 1. Never 100 % where something was missing. */
export function availabilityText(share: number): string {
  if (share === 1) return '100 %'
  return `${(Math.floor(share * 100_000) / 1000).toFixed(share > 0.99 ? 3 : 1)} %`
}

/** How long something has lasted, in its two largest units. */
export function agoText(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000)
  const days = Math.floor(seconds / 86400)
  const hours = Math.floor(seconds / 3600) % 24
  const minutes = Math.floor(seconds / 60) % 60
  if (days > 0) return `${days} d ${hours} h`
  if (hours > 0) return `${hours} h ${minutes} min`
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`
}
