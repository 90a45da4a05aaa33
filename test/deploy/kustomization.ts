import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'
import { ROOT } from './compose-file.ts'

export const KUBERNETES = join(ROOT, 'deploy/kubernetes')

/** Any Kubernetes object: what it is, and the rest as it stands in the file. */
export type Manifest = {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string; labels?: Record<string, string> }
  [field: string]: unknown
}

type Replacement = {
  source: {
    kind: string
    name: string
    fieldPath: string
    options: { delimiter: string; index: number }
  }
  targets: {
    select: { kind: string; name: string }
    fieldPaths: string[]
    options: { delimiter: string; index: number }
  }[]
}

type Kustomization = {
  namespace: string
  resources: string[]
  images?: { name: string; newName: string; newTag: string }[]
  replacements?: Replacement[]
}

/**
 * What `kubectl kustomize` gives for as much of it as our files use: resources, a namespace, images and
 * replacements by a part of a text. Where kubectl is installed, a test compares the two.
 */
export function build(folder: string): Manifest[] {
  const {
    namespace,
    resources,
    images = [],
    replacements = []
  } = read(folder, 'kustomization.yaml') as Kustomization
  const manifests = resources.flatMap((file) => readAll(folder, file))
  for (const manifest of manifests) {
    if (manifest.kind !== 'Namespace') manifest.metadata.namespace = namespace
    for (const container of containersOf(manifest)) {
      const image = images.find(({ name }) => name === container.image)
      if (image !== undefined) container.image = `${image.newName}:${image.newTag}`
    }
  }
  for (const { source, targets } of replacements) {
    const value = part(String(at(find(manifests, source), source.fieldPath)), source.options)
    for (const { select, fieldPaths, options } of targets) {
      const target = find(manifests, select)
      if (fieldPaths.join() !== 'metadata.name') throw new Error(fieldPaths.join())
      const parts = target.metadata.name.split(options.delimiter)
      target.metadata.name = parts.with(options.index, value).join(options.delimiter)
    }
  }
  return manifests
}

export type Container = {
  name: string
  image: string
  command?: string[]
  env?: { name: string; value: string }[]
  ports?: { name: string; containerPort: number }[]
  volumeMounts: { name: string; mountPath: string; readOnly?: boolean }[]
  securityContext: object
  [field: string]: unknown
}

export type PodSpec = {
  containers: Container[]
  initContainers?: Container[]
  volumes: { name: string; secret?: { secretName: string; items?: { key: string }[] } }[]
  [field: string]: unknown
}

/** The pods that a Deployment or a Job makes. */
export function podOf(manifest: Manifest) {
  const { template } = manifest['spec'] as {
    template?: { metadata: { labels: Record<string, string> }; spec: PodSpec }
  }
  return template
}

function containersOf(manifest: Manifest): Container[] {
  if (!['Deployment', 'Job'].includes(manifest.kind)) return []
  const spec = podOf(manifest)?.spec
  return [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])]
}

function read(folder: string, file: string): unknown {
  return parse(readFileSync(join(folder, file), 'utf8'))
}

function readAll(folder: string, file: string): Manifest[] {
  const documents = parseAllDocuments(readFileSync(join(folder, file), 'utf8'))
  return documents.map((document) => structuredClone(document.toJS() as Manifest))
}

function find(manifests: Manifest[], { kind, name }: { kind: string; name: string }): Manifest {
  const found = manifests.find((one) => one.kind === kind && one.metadata.name === name)
  if (found === undefined) throw new Error(`no ${kind} ${name}`)
  return found
}

function at(node: unknown, path: string): unknown {
  return path.split('.').reduce((inner, key) => (inner as Record<string, unknown>)[key], node)
}

function part(text: string, { delimiter, index }: { delimiter: string; index: number }): string {
  const found = text.split(delimiter)[index]
  if (found === undefined) throw new Error(`${text} has no part ${index}`)
  return found
}
