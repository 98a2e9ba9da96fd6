import type { RuleCases } from "../rules.testing.ts";
import { azure, claim, claimAt, claimTemplate, iscsi, label, pod, subdomain, volume } from "./pod-builders.testing.ts";

const requiredFields: readonly (readonly [source: string, at: string, fields: readonly string[]])[] = [
  ["gitRepo", "gitRepo", ["repository"]],
  ["gcePersistentDisk", "persistentDisk", ["pdName"]],
  ["awsElasticBlockStore", "awsElasticBlockStore", ["volumeID"]],
  ["glusterfs", "glusterfs", ["endpoints", "path"]],
  ["rbd", "rbd", ["monitors", "image"]],
  ["cinder", "cinder", ["volumeID"]],
  ["cephfs", "cephfs", ["monitors"]],
  ["flexVolume", "flexVolume", ["driver"]],
  ["azureFile", "azureFile", ["secretName", "shareName"]],
  ["vsphereVolume", "vsphereVolume", ["volumePath"]],
  ["photonPersistentDisk", "photonPersistentDisk", ["pdID"]],
  ["portworxVolume", "portworxVolume", ["volumeID"]],
  ["scaleIO", "scaleIO", ["gateway", "system", "volumeName"]],
];

/** All but one of the fields. */
function filled(fields: readonly string[], without: number): object {
  const value = (field: string): unknown => (field === "monitors" ? ["m"] : "x");
  return Object.fromEntries(fields.filter((_, index) => index !== without).map((field) => [field, value(field)]));
}

export const refusedVolumes: RuleCases["refused"] = [
  {
    source: "ValidateVolumes in pkg/apis/core/validation/validation.go",
    cases: [
      [pod({ volumes: [{ name: "", emptyDir: {} }] }), "spec.volumes[0].name: Required value"],
      [
        pod({
          volumes: [
            { name: "a", emptyDir: {} },
            { name: "a", emptyDir: {} },
          ],
        }),
        'spec.volumes[1].name: Duplicate value: "a"',
      ],
      [
        volume({ emptyDir: {}, hostPath: { path: "/" } }),
        "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type",
      ],
      [
        volume({ emptyDir: { sizeLimit: "-1" } }),
        "spec.volumes[0].emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid resource quantity",
      ],
      [volume({ hostPath: { path: "" } }), "spec.volumes[0].hostPath.path: Required value"],
      [
        volume({ hostPath: { path: "/a/../b" } }),
        "spec.volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'",
      ],
      [
        volume({ hostPath: { path: "/", type: "Dir" } }),
        'spec.volumes[0].hostPath.type: Unsupported value: "Dir": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"',
      ],
      [volume({ configMap: {} }), "spec.volumes[0].configMap.name: Required value"],
      [
        volume({ secret: { secretName: "s", defaultMode: 512 } }),
        "spec.volumes[0].secret.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive",
      ],
      [
        volume({ secret: { secretName: "s", items: [{ key: "k", path: "..a" }] } }),
        "spec.volumes[0].secret.items[0].path: Invalid value: \"..a\": must not start with '..'",
      ],
      [
        volume({ downwardAPI: { items: [{ path: "p" }] } }),
        "spec.volumes[0].downwardAPI: Required value: one of fieldRef and resourceFieldRef is required",
      ],
      [
        pod({
          serviceAccountName: "robot",
          volumes: [{ name: "v", projected: { sources: [{ serviceAccountToken: { path: "t", expirationSeconds: 599 } }] } }],
        }),
        "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes",
      ],
      [
        volume({
          projected: {
            sources: [
              { secret: { name: "a", items: [{ key: "k", path: "p" }] } },
              { configMap: { name: "b", items: [{ key: "k", path: "p" }] } },
            ],
          },
        }),
        'spec.volumes[0].projected: Invalid value: "b": conflicting duplicate paths',
      ],
      [volume({ persistentVolumeClaim: {} }), "spec.volumes[0].persistentVolumeClaim.claimName: Required value"],
      [volume({ nfs: { server: "s", path: "a" } }), 'spec.volumes[0].nfs.path: Invalid value: "a": must be an absolute path'],
    ],
  },
  {
    source: "validateVolumeSource",
    cases: [
      [
        volume({ emptyDir: {}, cephfs: { monitors: ["m"] }, downwardAPI: {} }),
        [
          "spec.volumes[0].cephFS: Forbidden: may not specify more than 1 volume type",
          "spec.volumes[0].downwarAPI: Forbidden: may not specify more than 1 volume type",
        ],
      ],
      [
        volume({ nfs: {} }),
        [
          "spec.volumes[0].nfs.server: Required value",
          "spec.volumes[0].nfs.path: Required value",
          'spec.volumes[0].nfs.path: Invalid value: "": must be an absolute path',
        ],
      ],
      ...requiredFields.flatMap(([source, at, fields]) =>
        fields.map(
          (field, index) =>
            [volume({ [source]: filled(fields, index) }), `spec.volumes[0].${at}.${field}: Required value`] as const,
        ),
      ),
    ],
  },
  {
    source: "validateGitRepoVolumeSource",
    cases: [
      [
        volume({ gitRepo: { repository: "r", directory: "/a" } }),
        'spec.volumes[0].gitRepo.directory: Invalid value: "/a": must be a relative path',
      ],
    ],
  },
  {
    source: "validateGCEPersistentDiskVolumeSource and validateAWSElasticBlockStoreVolumeSource",
    cases: [
      [
        volume({ gcePersistentDisk: { pdName: "a", partition: 256 } }),
        "spec.volumes[0].persistentDisk.partition: Invalid value: 256: must be between 1 and 255, inclusive",
      ],
      [
        volume({ awsElasticBlockStore: { volumeID: "a", partition: -1 } }),
        "spec.volumes[0].awsElasticBlockStore.partition: Invalid value: -1: must be between 1 and 255, inclusive",
      ],
    ],
  },
  {
    source: "validateISCSIVolumeSource",
    cases: [
      [
        volume({ iscsi: {} }),
        ["spec.volumes[0].iscsi.targetPortal: Required value", "spec.volumes[0].iscsi.iqn: Required value"],
      ],
      [iscsi({ iqn: "x" }), 'spec.volumes[0].iscsi.iqn: Invalid value: "x": must be valid format starting with iqn, eui, or naa'],
      [iscsi({ iqn: "iqn.x" }), 'spec.volumes[0].iscsi.iqn: Invalid value: "iqn.x": must be valid format'],
      [iscsi({ iqn: "eui.123" }), 'spec.volumes[0].iscsi.iqn: Invalid value: "eui.123": must be valid format'],
      [iscsi({ lun: 256 }), "spec.volumes[0].iscsi.lun: Invalid value: 256: must be between 0 and 255, inclusive"],
      [iscsi({ chapAuthSession: true }), "spec.volumes[0].iscsi.secretRef: Required value"],
      [iscsi({ initiatorName: "naa.1" }), 'spec.volumes[0].iscsi.initiatorname: Invalid value: "naa.1": must be valid format'],
      [
        iscsi({ initiatorName: "iqn.2015-02.example.com:init", targetPortal: "p".repeat(64) }),
        'spec.volumes[0].name: Invalid value: "v": Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.',
      ],
    ],
  },
  {
    source: "validateFCVolumeSource",
    cases: [
      [
        volume({ fc: {} }),
        "spec.volumes[0].fc.targetWWNs: Required value: must specify either targetWWNs or wwids, but not both",
      ],
      [
        volume({ fc: { targetWWNs: ["a"], wwids: ["b"], lun: 1 } }),
        'spec.volumes[0].fc.targetWWNs: Invalid value: ["a"]: targetWWNs and wwids can not be specified simultaneously',
      ],
      [
        volume({ fc: { targetWWNs: ["a"] } }),
        "spec.volumes[0].fc.lun: Required value: lun is required if targetWWNs is specified",
      ],
      [
        volume({ fc: { targetWWNs: ["a"], lun: 300 } }),
        "spec.volumes[0].fc.lun: Invalid value: 300: must be between 0 and 255, inclusive",
      ],
    ],
  },
  {
    source: "validateFlockerVolumeSource",
    cases: [
      [volume({ flocker: {} }), "spec.volumes[0].flocker: Required value: one of datasetName and datasetUUID is required"],
      [
        volume({ flocker: { datasetName: "a", datasetUUID: "b" } }),
        'spec.volumes[0].flocker: Invalid value: "resource": datasetName and datasetUUID can not be specified simultaneously',
      ],
      [
        volume({ flocker: { datasetName: "a/b" } }),
        "spec.volumes[0].flocker.datasetName: Invalid value: \"a/b\": must not contain '/'",
      ],
    ],
  },
  {
    source: "validateQuobyteVolumeSource",
    cases: [
      [
        volume({ quobyte: { volume: "v" } }),
        "spec.volumes[0].quobyte.registry: Required value: must be a host:port pair or multiple pairs separated by commas",
      ],
      [
        volume({ quobyte: { registry: "a", volume: "v" } }),
        'spec.volumes[0].quobyte.registry: Invalid value: "a": must be a host:port pair or multiple pairs separated by commas',
      ],
      [
        volume({ quobyte: { registry: "a:1", volume: "v", tenant: "t".repeat(65) } }),
        "spec.volumes[0].quobyte.tenant: Required value: must be a UUID and may not exceed a length of 64 characters",
      ],
      [volume({ quobyte: { registry: "a:1,b:2" } }), "spec.volumes[0].quobyte.volume: Required value"],
    ],
  },
  {
    source: "validateFlexVolumeSource",
    cases: [
      [
        volume({ flexVolume: { driver: "d", options: { "a.k8s.io/x": "y" } } }),
        'spec.volumes[0].flexVolume.options[a.k8s.io/x]: Invalid value: "a.k8s.io/x": kubernetes.io and k8s.io namespaces are reserved',
      ],
    ],
  },
  {
    source: "validateCinderVolumeSource and validateStorageOSVolumeSource",
    cases: [
      [volume({ cinder: { volumeID: "a", secretRef: {} } }), "spec.volumes[0].cinder.secretRef.name: Required value"],
      [volume({ storageos: {} }), "spec.volumes[0].storageos.volumeName: Required value"],
      [volume({ storageos: { volumeName: "A" } }), label('spec.volumes[0].storageos.volumeName: Invalid value: "A"')],
      [
        volume({ storageos: { volumeName: "a", volumeNamespace: "B", secretRef: {} } }),
        [
          label('spec.volumes[0].storageos.volumeNamespace: Invalid value: "B"'),
          "spec.volumes[0].storageos.secretRef.name: Required value",
        ],
      ],
    ],
  },
  {
    source: "validateAzureDisk",
    cases: [
      [
        azure({ cachingMode: "Some" }),
        'spec.volumes[0].azureDisk.cachingMode: Unsupported value: "Some": supported values: "None", "ReadOnly", "ReadWrite"',
      ],
      [
        azure({ kind: "Own" }),
        'spec.volumes[0].azureDisk.kind: Unsupported value: "Own": supported values: "Dedicated", "Managed", "Shared"',
      ],
      [
        azure({ kind: "Managed" }),
        'spec.volumes[0].azureDisk.diskURI: Unsupported value: "https://a": supported values: "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"',
      ],
      [
        azure({ diskURI: "a" }),
        'spec.volumes[0].azureDisk.diskURI: Unsupported value: "a": supported values: "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"',
      ],
    ],
  },
  {
    source: "validateCSIVolumeSource",
    cases: [
      [volume({ csi: { driver: "A_" } }), `spec.volumes[0].csi.driver: Invalid value: "A_": ${subdomain}`],
      [volume({ csi: { driver: "d".repeat(64) } }), "spec.volumes[0].csi.driver: Too long: may not be more than 63 bytes"],
      [
        volume({ csi: { driver: "d", nodePublishSecretRef: {} } }),
        "spec.volumes[0].csi.nodePublishSecretRef.name: Required value",
      ],
      [
        volume({ csi: { driver: "d", nodePublishSecretRef: { name: "-" } } }),
        `spec.volumes[0].csi.name: Invalid value: "-": ${subdomain}`,
      ],
    ],
  },
  {
    source: "validateEphemeralVolumeSource and ValidatePersistentVolumeClaimSpec",
    cases: [
      [volume({ ephemeral: {} }), "spec.volumes[0].ephemeral.volumeClaimTemplate: Required value"],
      [claim({ accessModes: [] }), `${claimAt}.spec.accessModes: Required value: at least 1 access mode is required`],
      [
        claim({ accessModes: ["Some"] }),
        `${claimAt}.spec.accessModes: Unsupported value: "Some": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"`,
      ],
      [
        claim({ accessModes: ["ReadWriteOnce", "ReadWriteOncePod"] }),
        `${claimAt}.spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes`,
      ],
      [claim({ resources: {} }), `${claimAt}.spec.resources[storage]: Required value`],
      [
        claim({ resources: { requests: { storage: "0" } } }),
        `${claimAt}.spec.resources[storage]: Invalid value: "0": must be greater than zero`,
      ],
      [claim({ storageClassName: "-" }), `${claimAt}.spec.storageClassName: Invalid value: "-": ${subdomain}`],
      [
        claim({ volumeMode: "Tape" }),
        `${claimAt}.spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem"`,
      ],
      [claim({}, { name: "x" }), `${claimAt}.metadata.name: Forbidden: cannot be set`],
      [
        pod({
          volumes: [
            { name: "v", ephemeral: { volumeClaimTemplate: claimTemplate({}) } },
            { name: "w", persistentVolumeClaim: { claimName: "web-v" } },
          ],
        }),
        'spec.volumes[1].persistentVolumeClaim.claimName: Invalid value: "web-v": must not reference a PVC that gets created for an ephemeral volume',
      ],
    ],
  },
  {
    source: "validateImageVolumeSource",
    cases: [
      [volume({ image: {} }), "spec.volumes[0].image.reference: Required value"],
      [
        volume({ image: { reference: "i", pullPolicy: "Some" } }),
        'spec.volumes[0].image.pullPolicy: Unsupported value: "Some": supported values: "Always", "IfNotPresent", "Never"',
      ],
    ],
  },
  {
    source: "validateProjectionSources",
    cases: [
      [
        volume({ projected: { sources: [{ clusterTrustBundle: { path: "p" } }] } }),
        "spec.volumes[0].projected.sources[0].clusterTrustBundle: Required value: either name or signerName must be specified",
      ],
      [
        volume({ projected: { sources: [{ clusterTrustBundle: { name: "a", signerName: "b", path: "p" } }] } }),
        'spec.volumes[0].projected.sources[0].clusterTrustBundle: Invalid value: {"name":"a","signerName":"b","path":"p"}: only one of name and signerName may be used',
      ],
      [
        volume({ projected: { sources: [{ clusterTrustBundle: { name: "a", path: "" } }] } }),
        "spec.volumes[0].projected.sources[0].clusterTrustBundle.path: Required value",
      ],
      [
        volume({ projected: { sources: [{ secret: { name: "a" }, configMap: { name: "b" } }] } }),
        "spec.volumes[0].projected.sources[0]: Forbidden: may not specify more than 1 volume type per source",
      ],
      [
        pod({ volumes: [{ name: "v", projected: { sources: [{ serviceAccountToken: { path: "t" } }] } }] }),
        "spec.volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set",
      ],
      [
        volume({ secret: { secretName: "s", items: [{}] } }),
        ["spec.volumes[0].secret.items[0].key: Required value", "spec.volumes[0].secret.items[0].path: Required value"],
      ],
      [
        volume({
          downwardAPI: {
            items: [{ path: "p", fieldRef: { fieldPath: "metadata.name" }, resourceFieldRef: { resource: "limits.cpu" } }],
          },
        }),
        'spec.volumes[0].downwardAPI: Invalid value: "resource": fieldRef and resourceFieldRef can not be specified simultaneously',
      ],
      [
        volume({ downwardAPI: { items: [{ path: "p", resourceFieldRef: { resource: "limits.cpu" } }] } }),
        "spec.volumes[0].downwardAPI.resourceFieldRef.containerName: Required value",
      ],
    ],
  },
];
