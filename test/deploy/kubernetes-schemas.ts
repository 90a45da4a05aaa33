import { ServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/ServiceMonitor'
import { Deployment } from 'kubernetes-models/apps/v1/Deployment'
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler'
import { Job } from 'kubernetes-models/batch/v1/Job'
import { Ingress } from 'kubernetes-models/networking.k8s.io/v1/Ingress'
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget'
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap'
import { Namespace } from 'kubernetes-models/v1/Namespace'
import { Service } from 'kubernetes-models/v1/Service'
import { ServiceAccount } from 'kubernetes-models/v1/ServiceAccount'
import ts from 'typescript'
import { ROOT } from './compose-file.ts'
import type { Manifest } from './kustomization.ts'

const CORE = 'kubernetes-models'
const MONITORING = '@kubernetes-models/prometheus-operator'

/** By API version and kind: the schema, and the package that has its type. */
const MODELS = {
  'v1/Namespace': [CORE, Namespace],
  'v1/ServiceAccount': [CORE, ServiceAccount],
  'v1/ConfigMap': [CORE, ConfigMap],
  'v1/Service': [CORE, Service],
  'apps/v1/Deployment': [CORE, Deployment],
  'batch/v1/Job': [CORE, Job],
  'autoscaling/v2/HorizontalPodAutoscaler': [CORE, HorizontalPodAutoscaler],
  'policy/v1/PodDisruptionBudget': [CORE, PodDisruptionBudget],
  'networking.k8s.io/v1/Ingress': [CORE, Ingress],
  'networking.k8s.io/v1/NetworkPolicy': [CORE, NetworkPolicy],
  'monitoring.coreos.com/v1/ServiceMonitor': [MONITORING, ServiceMonitor]
} as const

type Model = keyof typeof MODELS

function modelOf({ apiVersion, kind }: Manifest): Model {
  const model = `${apiVersion}/${kind}`
  if (!(model in MODELS)) throw new Error(`${model} is not among the schemas`)
  return model as Model
}

/** @throws where a manifest does not fit the schema of its kind, as Kubernetes publishes it */
export function validate(manifest: Manifest): void {
  const [, Kind] = MODELS[modelOf(manifest)]
  const object: { validate(): void } = new Kind(manifest as never)
  object.validate()
}

/**
 * The schemas let unknown fields pass, and so a misspelt one; the types made of the same schemas do not, for
 * an object written out.
 * @returns what the compiler has to say against the manifests
 */
export function findUnknownFields(manifests: Manifest[]): string[] {
  const lines = manifests.map((manifest, i) => {
    const model = modelOf(manifest)
    const type = `import('${MODELS[model][0]}/${model}').I${manifest.kind}`
    return `export const m${i}: ${type} = ${JSON.stringify(manifest)}`
  })
  const file = `${ROOT}/test/deploy/manifests.generated.ts`
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext
  }
  const text = lines.join('\n')
  const disk = ts.createCompilerHost(options)
  const host: ts.CompilerHost = {
    ...disk,
    fileExists: (name) => name === file || disk.fileExists(name),
    readFile: (name) => (name === file ? text : disk.readFile(name)),
    getSourceFile: (name, version) =>
      name === file ? ts.createSourceFile(name, text, version) : disk.getSourceFile(name, version)
  }
  const program = ts.createProgram([file], options, host)
  return ts.getPreEmitDiagnostics(program).map(({ start = 0, messageText }) => {
    const { kind, metadata } = manifests[text.slice(0, start).split('\n').length - 1]!
    return `${kind} ${metadata.name}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`
  })
}
