"""Reads a run's folder with TensorBoard itself and prints what it shows, as JSON: python readEvents.py FOLDER"""

import base64
import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

run = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "images": 0, "tensors": 0})
run.Reload()
tags = run.Tags()
print(
    json.dumps(
        {
            "scalars": {tag: [[e.step, e.value] for e in run.Scalars(tag)] for tag in tags["scalars"]},
            "images": {
                tag: [
                    {"width": e.width, "height": e.height, "png": base64.b64encode(e.encoded_image_string).decode()}
                    for e in run.Images(tag)
                ]
                for tag in tags["images"]
            },
            "texts": {
                tag: [e.tensor_proto.string_val[0].decode() for e in run.Tensors(tag)]
                for tag in tags["tensors"]
            },
            "plugins": {tag: run.SummaryMetadata(tag).plugin_data.plugin_name for tag in tags["tensors"]},
        }
    )
)
