// Transformation chains as a tree: rules whose chains begin alike share the work, and a value that holds no character
// a transformation could act on passes it without a call. Built at load; `transformed` runs for every value inspected.

import { Text } from './text.ts'
import type { Transformation } from './types.ts'

export interface TransformNode {
  readonly parent: TransformNode | null
  /** Of all nodes, from 0. */
  readonly id: number
  /** Of the transformation; the same in every node that runs it. */
  readonly index: number
  readonly run: Transformation
  /** The bit of this transformation in `Text.triggers`. */
  readonly bit: number
  /** The bits of this one and all before it. */
  readonly pathBits: number
}

/** The last bit stands for all transformations that have none of their own: it is always set. */
const sharedBit = 1 << 30
const ownBits = 30

export class TransformTree {
  readonly #table: ReadonlyMap<string, Transformation>
  readonly #triggers: ReadonlyMap<string, Uint8Array>
  readonly #indexes = new Map<string, number>()
  readonly #nodes = new Map<string, TransformNode>()
  /** For each character code the bits of the transformations that may act on it. */
  readonly #triggersOfChar = new Int32Array(256)
  readonly root: TransformNode = {
    parent: null,
    id: 0,
    index: -1,
    run: (value) => value,
    bit: 0,
    pathBits: 0,
  }

  /** `triggers`: by name, 256 entries with 1 for a character on which the transformation may act. */
  constructor(table: ReadonlyMap<string, Transformation>, triggers: ReadonlyMap<string, Uint8Array>) {
    this.#table = table
    this.#triggers = triggers
  }

  node(names: readonly string[]): TransformNode {
    let node = this.root
    let path = ''
    for (const name of names) {
      path += `${name},`
      const known = this.#nodes.get(path)
      node = known ?? this.#add(name, path, node)
    }
    return node
  }

  /** To be taken when all nodes are there. */
  scan(): TriggerScan {
    const triggersOfChar = this.#triggersOfChar
    return (text) => {
      const { value } = text
      let triggers = sharedBit
      for (let i = 0; i < value.length; i++) triggers |= triggersOfChar[value.charCodeAt(i) & 0xff] as number
      text.triggers = triggers
      return triggers
    }
  }

  #add(name: string, path: string, parent: TransformNode): TransformNode {
    const run = this.#table.get(name)
    if (run === undefined) throw new Error(`no transformation ${name}`)
    const index = this.#indexOf(name)
    const bit = this.#triggers.has(name) && index < ownBits ? 1 << index : sharedBit
    const node = { parent, id: this.#nodes.size + 1, index, run, bit, pathBits: parent.pathBits | bit }
    this.#nodes.set(path, node)
    return node
  }

  #indexOf(name: string): number {
    const known = this.#indexes.get(name)
    if (known !== undefined) return known
    const index = this.#indexes.size
    this.#indexes.set(name, index)
    const triggers = this.#triggers.get(name)
    if (triggers !== undefined && index < ownBits) {
      for (let char = 0; char < 256; char++) {
        if (triggers[char] === 1)
          this.#triggersOfChar[char] = (this.#triggersOfChar[char] as number) | (1 << index)
      }
    }
    return index
  }
}

/** Finds `Text.triggers`. */
export type TriggerScan = (text: Text) => number

/** The value after the chain that ends in `node`. The same text when nothing changed. */
export function transformed(text: Text, node: TransformNode, scan: TriggerScan): Text {
  if (node.parent === null) return text
  const triggers = text.triggers === -1 ? scan(text) : text.triggers
  if ((triggers & node.pathBits) === 0) return text
  const before = transformed(text, node.parent, scan)
  const own = before.triggers === -1 ? scan(before) : before.triggers
  if ((own & node.bit) === 0) return before
  return derive(before, node)
}

function derive(text: Text, node: TransformNode): Text {
  const { derivedBy } = text
  if (derivedBy !== null) {
    const known = derivedBy.indexOf(node.index)
    if (known !== -1) return (text.derived as Text[])[known] as Text
  }
  const value = node.run(text.value)
  const result = value === text.value ? text : new Text(value, text.kept)
  if (derivedBy === null) {
    text.derivedBy = [node.index]
    text.derived = [result]
  } else {
    derivedBy.push(node.index)
    ;(text.derived as Text[]).push(result)
  }
  return result
}

/** For values that are used once: no text, nothing kept. */
export function transformValue(value: string, node: TransformNode): string {
  if (node.parent === null) return value
  return node.run(transformValue(value, node.parent))
}

/** The nodes from the root to `node`: what a rule with multiMatch looks at. */
export function pathOf(node: TransformNode): readonly TransformNode[] {
  return node.parent === null ? [node] : [...pathOf(node.parent), node]
}
