import type { LabelSelector } from "#api/label-selector";
import { controllerOf, controllerRef, type KubeObject, type Stored } from "#api/object";
import { apiVersionOf, type ResourceType } from "#api/resource-type";
import type { Write } from "./plan.ts";

export interface ClaimView<T extends KubeObject> {
  readonly owner: Stored<KubeObject>;
  readonly ownerType: ResourceType;
  readonly selector: LabelSelector;
  /** Those that the owner controls, and those that nobody does. Others are not its business. */
  readonly candidates: readonly Stored<T>[];
  readonly childType: ResourceType<T>;
  /** A live read showed that the owner is there and not being deleted: nothing is adopted in the name of the dead. */
  readonly canAdopt: boolean;
}

export interface Claims<T extends KubeObject> {
  readonly owned: readonly Stored<T>[];
  /** Adoptions and releases to make first. */
  readonly writes: readonly Write[];
}

/**
 * Decides what belongs to an owner: it keeps what it controls and selects, releases what it controls and no longer selects, and adopts
 * what it selects and nobody controls (upstream: controller_ref_manager.go). Both compare and swap, so that of two owners one wins.
 */
export function claim<T extends KubeObject>(view: ClaimView<T>): Claims<T> {
  const { owner, selector, candidates, childType } = view;
  const dying = owner.metadata.deletionTimestamp !== undefined;
  const owned: Stored<T>[] = [];
  const writes: Write[] = [];
  for (const child of candidates) {
    const selected = selector.matches(child.metadata.labels);
    const controller = controllerOf(child);
    if (controller?.uid === owner.metadata.uid) {
      if (selected) owned.push(child);
      else if (!dying) writes.push(setOwners(childType, child, withoutOwner(child, owner)));
    } else if (controller === undefined && wantsAdoption(view, child) && selected && !dying) {
      const reference = controllerRef(owner, apiVersionOf(view.ownerType), view.ownerType.kind);
      writes.push(setOwners(childType, child, [...withoutOwner(child, owner), reference]));
    }
  }
  return { owned, writes };
}

/** Whether a live read of the owner is worth its price. */
export function hasOrphans<T extends KubeObject>(selector: LabelSelector, candidates: readonly Stored<T>[]): boolean {
  return candidates.some((child) => isOrphan(child) && selector.matches(child.metadata.labels));
}

function wantsAdoption<T extends KubeObject>(view: ClaimView<T>, child: Stored<T>): boolean {
  return view.canAdopt && isOrphan(child);
}

function isOrphan(child: KubeObject): boolean {
  return controllerOf(child) === undefined && child.metadata.deletionTimestamp === undefined;
}

function withoutOwner(child: KubeObject, owner: Stored<KubeObject>) {
  return (child.metadata.ownerReferences ?? []).filter((reference) => reference.uid !== owner.metadata.uid);
}

function setOwners(resource: ResourceType, target: Stored<KubeObject>, ownerReferences: readonly object[]): Write {
  const metadata = { ownerReferences, resourceVersion: target.metadata.resourceVersion };
  return { type: "patch", resource, target, patch: { type: "merge", patch: { metadata } } };
}
