// The settings of a program that does what several programs do: sections that all of them have stand once, what
// is one's own stands under its name, as [udp.network]. Derived from the schemas of the single programs, so
// that no setting is written down twice. Used by tracker/combined-settings.ts. Pure functions.
import {
  buildConfig,
  type ConfigOf,
  entriesOf,
  isSection,
  pathOf,
  type Schema,
  type Section,
  section,
  valueAt,
} from './schema.ts'
import type { Setting } from './setting.ts'

/** The settings of one program within the combined ones. */
export interface Part {
  /** The section that holds what is its own. */
  readonly name: string
  readonly explanation: string
  readonly schema: Schema
  readonly retired: Readonly<Record<string, string>>
  /** Whether a setting, by its path in `schema`, is one for all parts. */
  readonly isShared: (path: string) => boolean
  /** Paths of settings that the combined program does not have: they keep their defaults. */
  readonly omitted: readonly string[]
  /** Other default values, by path. */
  readonly defaults: Readonly<Record<string, unknown>>
  /** Settings that only the combined program has. */
  readonly extra: Schema
}

type Node = Setting<unknown> | Section

/** A part's settings as its own program sees them, and as they are called in the combined one. */
export class Lens {
  readonly part: Part
  private readonly outerPaths = new Map<string, string>()
  private readonly innerPaths = new Map<string, string>()

  constructor(part: Part) {
    this.part = part
    for (const { path } of entriesOf(part.schema)) {
      if (part.omitted.includes(path)) continue
      const outer = part.isShared(path) ? path : pathOf(part.name, path)
      this.outerPaths.set(path, outer)
      this.innerPaths.set(outer, path)
    }
  }

  /** The path in the combined settings; undefined for what they do not have. */
  outer(path: string): string | undefined {
    return this.outerPaths.get(path)
  }

  /** The path in the part's own settings; undefined for what is not its concern. */
  inner(path: string): string | undefined {
    return this.innerPaths.get(path)
  }

  /** The settings in the form that the part's own program has them in. */
  config<S extends Schema>(combined: object): ConfigOf<S> {
    const defaults = this.part.schema as S
    return buildConfig(defaults, (entry) => {
      const path = this.outer(entry.path)
      if (path === undefined) return entry.setting.defaultValue
      const names = path.split('.')
      return valueAt(combined, { ...entry, section: names.slice(0, -1).join('.') })
    })
  }

  /** A sentence that names settings as the part's own program does. */
  text(sentence: string): string {
    return sentence.replace(/\[([a-z_]+)\](?:(\s+)([a-z0-9_]+))?/g, (all, name, blank, key) => {
      const outer = key === undefined ? undefined : this.outer(pathOf(name, key))
      if (outer !== undefined) return `[${outer.slice(0, -key.length - 1)}]${blank}${key}`
      const isOwn = this.isOwnSection(name)
      return isOwn ? all.replace(`[${name}]`, `[${pathOf(this.part.name, name)}]`) : all
    })
  }

  /** Whether nothing in the section is shared. */
  private isOwnSection(name: string): boolean {
    const outer = [...this.outerPaths].filter(([path]) => path.startsWith(`${name}.`))
    return outer.length > 0 && outer.every(([path, to]) => path !== to)
  }

  /** The part's settings that are shared, or those that are not, as nodes of the combined schema. */
  nodes(shared: boolean): Record<string, Node> {
    const { schema } = this.part
    const nodes: Record<string, Node> = {}
    for (const [name, node] of Object.entries(schema)) {
      if (!isSection(node)) {
        if (this.stands(name, shared)) nodes[name] = this.setting(name, node)
        continue
      }
      const inner = Object.entries(node.settings).flatMap(([key, setting]) => {
        const path = pathOf(name, key)
        if (isSection(setting) || !this.stands(path, shared)) return []
        return [[key, this.setting(path, setting)] as const]
      })
      if (inner.length === 0) continue
      nodes[name] = section(this.text(node.explanation), Object.fromEntries(inner))
    }
    return nodes
  }

  /** Keys that are gone, as they would stand in the combined settings: in either place, where it may be either. */
  retired(): Record<string, string> {
    const { name, isShared, retired, schema } = this.part
    const found: Record<string, string> = {}
    for (const [path, sentence] of Object.entries(retired)) {
      const [sectionName] = path.split('.')
      const inside = entriesOf(schema).filter((entry) => entry.section === sectionName)
      const shared = inside.filter((entry) => isShared(entry.path))
      if (path.includes('.') && shared.length > 0) found[path] = this.text(sentence)
      if (shared.length < inside.length || inside.length === 0) {
        found[pathOf(name, path)] = this.text(sentence)
      }
    }
    return found
  }

  private stands(path: string, shared: boolean): boolean {
    const outer = this.outer(path)
    return outer !== undefined && (outer === path) === shared
  }

  private setting(path: string, setting: Setting<unknown>): Setting<unknown> {
    const { defaults } = this.part
    const defaultValue = Object.hasOwn(defaults, path) ? defaults[path] : setting.defaultValue
    return { ...setting, defaultValue, explanation: this.text(setting.explanation) }
  }
}

/** Of a setting that several parts share, the first one says what it is. */
export function combinedSchema(lenses: readonly Lens[]): Schema {
  const shared: Record<string, Node> = {}
  for (const lens of lenses) {
    for (const [name, node] of Object.entries(lens.nodes(true))) {
      const before = shared[name]
      if (before === undefined) shared[name] = node
      else if (isSection(before) && isSection(node)) {
        shared[name] = section(before.explanation, {
          ...before.settings,
          ...withoutOld(node, before),
        })
      }
    }
  }
  const parts = lenses.map((lens) => {
    const { name, explanation, extra } = lens.part
    return [name, section(explanation, { ...extra, ...lens.nodes(false) })] as const
  })
  return { ...Object.fromEntries(parts), ...shared }
}

/** The same settings, of which those at these paths have other explanations. */
export function explained(schema: Schema, texts: Readonly<Record<string, string>>): Schema {
  const unknown = new Set(Object.keys(texts))
  const textOf = (path: string, own: string) => {
    unknown.delete(path)
    return Object.hasOwn(texts, path) ? texts[path] : own
  }
  const nodesIn = (settings: Schema, within: string): Schema =>
    Object.fromEntries(
      Object.entries(settings).map(([name, node]) => {
        const path = pathOf(within, name)
        const explanation = textOf(path, node.explanation)
        if (!isSection(node)) return [name, { ...node, explanation }]
        return [name, section(explanation, nodesIn(node.settings, path))]
      }),
    )
  const nodes = nodesIn(schema, '')
  if (unknown.size > 0) throw new Error(`no setting ${[...unknown].join(', ')}`)
  return nodes
}

function withoutOld(node: Section, before: Section): Schema {
  const added = Object.entries(node.settings).filter(([key]) => !(key in before.settings))
  return Object.fromEntries(added)
}
