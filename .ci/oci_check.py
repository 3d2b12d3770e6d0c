"""Checks an OCI image layout by the schemas that oras and olot carry, or has olot make one.

    oci_check.py check LAYOUT    prints the tags on standard output, what was checked on standard error
    oci_check.py make LAYOUT
"""
import hashlib
import json
import pathlib
import sys
import tempfile
from importlib.metadata import version

import jsonschema
import oras.schemas
from olot.oci.oci_image_index import OCIImageIndex, read_ocilayout_root_index
from olot.oci.oci_image_layout import verify_ocilayout
from olot.oci.oci_image_manifest import OCIImageManifest
from olot.oci_artifact import create_simple_oci_artifact
from oras.layout import Layout

TAG = "org.opencontainers.image.ref.name"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def check(root):
    layout = Layout(str(root))  # checks oci-layout, index.json and blobs/
    layout.validate()
    verify_ocilayout(root)
    index = json.loads((root / "index.json").read_bytes())
    jsonschema.validate(index, oras.schemas.index)
    OCIImageIndex.model_validate(index)
    read_ocilayout_root_index(root)
    tags = []
    for entry in index["manifests"]:
        assert entry["mediaType"] == MANIFEST, entry
        manifest = json.loads(blob(root, entry))
        jsonschema.validate(manifest, oras.schemas.manifest)
        OCIImageManifest.model_validate(manifest)
        subject = [manifest["subject"]] if "subject" in manifest else []
        for part in [manifest["config"], *manifest["layers"], *subject]:
            blob(root, part)
        tag = entry.get("annotations", {}).get(TAG)
        if tag:
            named = layout.get_ordered_blobs(tag)
            assert named[-1] == entry["digest"], (tag, named)
            assert all(layout.blob_exists(digest) for digest in named)
            tags.append(tag)
    for path in (root / "blobs" / "sha256").iterdir():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name, path
    said = f"oras {version('oras')} and olot {version('olot')} take {len(index['manifests'])} manifests: {' '.join(tags)}"
    print(said, file=sys.stderr)
    print("\n".join(tags))


def blob(root, descriptor):
    algorithm, name = descriptor["digest"].split(":")
    data = (root / "blobs" / algorithm / name).read_bytes()
    assert len(data) == descriptor["size"], descriptor
    assert hashlib.new(algorithm, data).hexdigest() == name, descriptor
    return data


def make(root):
    with tempfile.TemporaryDirectory() as source:
        source = pathlib.Path(source)
        (source / "README.md").write_text("# A model\n")
        (source / "model.onnx").write_bytes(bytes(range(256)) * 100)
        root.mkdir()
        create_simple_oci_artifact(source, root)
    print(f"olot {version('olot')} made a layout", file=sys.stderr)


if __name__ == "__main__":
    {"check": check, "make": make}[sys.argv[1]](pathlib.Path(sys.argv[2]))
