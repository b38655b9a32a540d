"""Writes one tiny DINO ViT as every training script and library keeps it, and variants.json with what each file is.

Debian 12: apt-get install python3-torch python3-numpy; /usr/bin/python3 make.py
Every file holds the values of plain_hf.bin or plain_dino.pth, and must load to the same bytes. The classes that
transformers, OmegaConf and Lightning would pickle are stand-ins under their module names: only names reach the file.
"""
import argparse, collections, datetime, io, json, os, pathlib, random, struct, sys, types, zipfile
import numpy as np
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
HIDDEN, LAYERS, HEADS, MLP, PATCH, GRID = 8, 2, 2, 16, 4, 2
CONFIG = dict(hidden_size=HIDDEN, num_hidden_layers=LAYERS, num_attention_heads=HEADS, intermediate_size=MLP,
              patch_size=PATCH, image_size=GRID * PATCH, layer_norm_eps=1e-12, hidden_act="gelu", qkv_bias=True,
              num_channels=3, model_type="vit")
torch.manual_seed(7)
variants = []


def tensor(*shape):
    return (torch.rand(*shape) - 0.5) / 4


def hugging_face():
    """ViTModel's names."""
    state = collections.OrderedDict()
    state["embeddings.cls_token"] = tensor(1, 1, HIDDEN)
    state["embeddings.position_embeddings"] = tensor(1, 1 + GRID * GRID, HIDDEN)
    state["embeddings.patch_embeddings.projection.weight"] = tensor(HIDDEN, 3, PATCH, PATCH)
    state["embeddings.patch_embeddings.projection.bias"] = tensor(HIDDEN)
    for n in range(LAYERS):
        layer = f"encoder.layer.{n}."
        for name, rows, columns in [("attention.attention.query", HIDDEN, HIDDEN), ("attention.attention.key", HIDDEN, HIDDEN),
                                    ("attention.attention.value", HIDDEN, HIDDEN), ("attention.output.dense", HIDDEN, HIDDEN),
                                    ("intermediate.dense", MLP, HIDDEN), ("output.dense", HIDDEN, MLP)]:
            state[layer + name + ".weight"] = tensor(rows, columns)
            state[layer + name + ".bias"] = tensor(rows)
        for name in ("layernorm_before", "layernorm_after"):
            state[layer + name + ".weight"] = 1 + tensor(HIDDEN)
            state[layer + name + ".bias"] = tensor(HIDDEN)
    state["layernorm.weight"] = 1 + tensor(HIDDEN)
    state["layernorm.bias"] = tensor(HIDDEN)
    return state


def original(state):
    """The names of the dino repository and of timm."""
    result = collections.OrderedDict()
    result["cls_token"] = state["embeddings.cls_token"]
    result["pos_embed"] = state["embeddings.position_embeddings"]
    for end in ("weight", "bias"):
        result["patch_embed.proj." + end] = state["embeddings.patch_embeddings.projection." + end]
    for n in range(LAYERS):
        old, new = f"encoder.layer.{n}.", f"blocks.{n}."
        for end in ("weight", "bias"):
            result[new + "norm1." + end] = state[old + "layernorm_before." + end]
            result[new + "attn.qkv." + end] = torch.cat(
                [state[old + f"attention.attention.{part}." + end] for part in ("query", "key", "value")])
            result[new + "attn.proj." + end] = state[old + "attention.output.dense." + end]
            result[new + "norm2." + end] = state[old + "layernorm_after." + end]
            result[new + "mlp.fc1." + end] = state[old + "intermediate.dense." + end]
            result[new + "mlp.fc2." + end] = state[old + "output.dense." + end]
    for end in ("weight", "bias"):
        result["norm." + end] = state["layernorm." + end]
    return result


HF = hugging_face()
DINO = original(HF)


def put(name, content, like, what, config=None, **options):
    """Saves, and says which plain file has the same values."""
    path = os.path.join(HERE, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    torch.save(content, path, **options)
    if config:
        with open(os.path.join(os.path.dirname(path), "config.json"), "w") as file:
            json.dump(config, file)
    variants.append(dict(file=name, like=like, what=what))


def prefixed(state, prefix):
    return collections.OrderedDict((prefix + name, value) for name, value in state.items())


def more(state, others):
    return collections.OrderedDict(list(state.items()) + list(others.items()))


put("plain_hf.bin", HF, "plain_hf.bin", "state dict of transformers", CONFIG)
put("plain_dino.pth", DINO, "plain_dino.pth", "state dict of the dino repository")

# --- names of transformers --------------------------------------------------------------------------------------------
NEW = [("encoder.layer.", "layers."), ("attention.attention.query", "attention.q_proj"), ("attention.attention.key", "attention.k_proj"),
       ("attention.attention.value", "attention.v_proj"), ("attention.output.dense", "attention.o_proj"),
       ("intermediate.dense", "mlp.fc1"), (".output.dense", ".mlp.fc2")]


def renamed(state, pairs):
    result = collections.OrderedDict()
    for name, value in state.items():
        for old, new in pairs:
            name = name.replace(old, new)
        result[name] = value
    return result


put("hf_5_8.bin", renamed(HF, NEW), "plain_hf.bin", "names of transformers 5.8")
put("hf_5_8_encoder.bin", renamed(HF, [("encoder.layer.", "encoder.layers.")] + NEW[1:]), "plain_hf.bin", "the same below encoder.")
put("hf_pooler.bin", more(HF, {"pooler.dense.weight": tensor(HIDDEN, HIDDEN), "pooler.dense.bias": tensor(HIDDEN)}), "plain_hf.bin",
    "a pooler")
put("hf_image_classification.bin", more(prefixed(HF, "vit."), {"classifier.weight": tensor(3, HIDDEN), "classifier.bias": tensor(3)}),
    "plain_hf.bin", "ViTForImageClassification")
put("hf_masked_image_modeling.bin", more(prefixed(HF, "vit."), {
    "vit.embeddings.mask_token": torch.zeros(1, 1, HIDDEN), "decoder.0.weight": tensor(48, HIDDEN, 1, 1), "decoder.0.bias": tensor(48)}),
    "plain_hf.bin", "ViTForMaskedImageModeling")
put("hf_mae.bin", more(prefixed(HF, "vit."), {
    "decoder.mask_token": tensor(1, 1, 4), "decoder.decoder_pos_embed": tensor(1, 5, 4), "decoder.decoder_embed.weight": tensor(4, HIDDEN),
    "decoder.decoder_layers.0.attention.attention.query.weight": tensor(4, 4)}), "plain_hf.bin", "ViTMAEForPreTraining")
put("msn/pytorch_model.bin", more(HF, {"embeddings.mask_token": tensor(1, 1, HIDDEN)}), "plain_hf.bin",
    "vit_msn with patch_size as a pair", dict(CONFIG, model_type="vit_msn", patch_size=[PATCH, PATCH]))
put("mae/pytorch_model.bin", HF, "plain_hf.bin", "vit_mae", dict(CONFIG, model_type="vit_mae"))

# --- heads, wrappers, prefixes ----------------------------------------------------------------------------------------
HEAD_KEYS = {"head.weight": tensor(5, HIDDEN), "head.bias": tensor(5)}
PROJECTION = {"head.mlp.0.weight": tensor(4, HIDDEN), "head.last_layer.weight_g": tensor(4, 1), "head.last_layer2.weight": tensor(4, 4)}
put("timm_head.pth", more(DINO, HEAD_KEYS), "plain_dino.pth", "timm with a classifier")
put("fine_tuned.pth.tar", {"epoch": 3, "arch": "vit_small", "state_dict": prefixed(more(DINO, HEAD_KEYS), "module."),
                           "best_acc1": torch.tensor(0.5)}, "plain_dino.pth", "a fine-tuned model in .pth.tar")
put("dino_head.pth", more(DINO, dict(PROJECTION, **{"dino_head.mlp.0.weight": tensor(4, 4), "ibot_head.mlp.0.weight": tensor(4, 4),
                                                    "mask_token": tensor(1, HIDDEN), "masked_embed": tensor(1, HIDDEN)})),
    "plain_dino.pth", "heads of DINO and iBOT")
for wrapper in ("state_dict", "model", "state_dict_ema", "model_ema", "teacher", "student", "net"):
    put(f"in_{wrapper}.pth", {"epoch": 1, wrapper: DINO}, "plain_dino.pth", f"inside '{wrapper}'")
put("in_model_and_rng.pth", {"model": DINO, "rng_state": torch.get_rng_state()[:16].clone()}, "plain_dino.pth",
    "a tensor beside the wrapper")
put("in_model_state_dict.pth", {"model": {"state_dict": DINO}}, "plain_dino.pth", "two wrappers")
put("ema_before_trained.pth", {"model": {key: value + 1 for key, value in DINO.items()}, "model_ema": DINO}, "plain_dino.pth",
    "the averaged weights before the trained ones")
for prefix in ("_orig_mod.", "module.", "model.", "backbone.", "base_model.model.", "teacher_backbone.", "momentum_backbone.",
               "module._orig_mod.backbone."):
    others = {"head.weight": tensor(2, 2), "projector.0.weight": tensor(2, 2), "criterion.center": tensor(1, 4)}
    put("prefix_" + prefix.strip("._").replace(".", "_") + ".pth", more(prefixed(DINO, prefix), others), "plain_dino.pth",
        f"prefix {prefix} with keys outside")
put("two_backbones.ckpt", {"state_dict": more(prefixed({key: value + 1 for key, value in DINO.items()}, "student.backbone."),
                                              prefixed(DINO, "teacher.backbone."))}, "plain_dino.pth", "teacher and student by prefix")

# --- objects of a training run ----------------------------------------------------------------------------------------
def stand_in(module, name, base=object):
    """A class that pickles under another module's name."""
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        sys.modules.setdefault(".".join(parts[:end]), types.ModuleType(".".join(parts[:end])))
    made = type(name, (base,), {})
    made.__module__ = module
    setattr(sys.modules[module], name, made)
    return made


branches = {
    "student": prefixed({key: value + 1 for key, value in DINO.items()}, "module.backbone."),
    "teacher": more(prefixed(DINO, "backbone."), prefixed(PROJECTION, "")),
}
optimizer = torch.optim.AdamW([torch.nn.Parameter(tensor(2, 2))])
put("submitit.pth", dict(branches, optimizer=optimizer.state_dict(), epoch=100, fp16_scaler={"scale": 65536.0},
                         args=argparse.Namespace(output_dir=pathlib.PosixPath("/checkpoint/dino"), lr=5e-4, seed=0, arch="vit_small"),
                         dino_loss={"center": tensor(1, 4)}), "plain_dino.pth", "a training checkpoint of the submitit script")
config = stand_in("omegaconf.dictconfig", "DictConfig")()
config.__dict__.update(_metadata=stand_in("omegaconf.base", "ContainerMetadata")(), _content={"lr": 1})
callback = stand_in("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint")()
callback.__dict__.update(best=torch.tensor(1.0))
everything = {
    "array": np.arange(6.0).reshape(2, 3), "scalar": np.float64(0.5), "integer": np.int64(3), "when": datetime.datetime(2021, 4, 29, 12, 30),
    "span": datetime.timedelta(seconds=5), "lists": collections.defaultdict(list, a=[1]), "window": collections.deque([1, 2], maxlen=20),
    "counts": collections.Counter("abca"), "python_rng": random.getstate(), "numpy_rng": np.random.RandomState(1).get_state(),
    "torch_rng": torch.get_rng_state()[:16].clone(), "config": config, "callback": callback, "names": {"a", "b"}, "frozen": frozenset("ab"),
    "dtype": torch.float16, "device": torch.device("cuda", 0), "size": torch.Size([1, 2]), "complex": 1j, "range": range(3),
    "slice": slice(1, 2), "bytes": b"abc", "long": 1 << 80, "namespace": types.SimpleNamespace(a=1), "path": pathlib.PosixPath("/a"),
    "window2": stand_in("dino.utils", "SmoothedValue")(), "list class": list, "error": ValueError("x"),
}
put("objects.ckpt", dict(everything, state_dict=DINO, global_step=7), "plain_dino.pth", "numpy, datetime, OmegaConf, Lightning, RNG states")
put("objects_protocol4.ckpt", dict(everything, state_dict=DINO), "plain_dino.pth", "the same by protocol 4", pickle_protocol=4)
put("parameters.pth", collections.OrderedDict((key, torch.nn.Parameter(value)) for key, value in DINO.items()), "plain_dino.pth",
    "parameters")
strided = collections.OrderedDict(DINO)
base = torch.zeros(MLP + 3, HIDDEN)
base[3:] = DINO["blocks.0.mlp.fc1.weight"]
strided["blocks.0.mlp.fc1.weight"] = base[3:]
strided["blocks.0.mlp.fc2.weight"] = DINO["blocks.0.mlp.fc2.weight"].t().contiguous().t()
put("views.pth", strided, "plain_dino.pth", "views of storages")

# --- containers -------------------------------------------------------------------------------------------------------
put("legacy.pth", DINO, "plain_dino.pth", "torch before 1.6", _use_new_zipfile_serialization=False)
put("legacy_protocol4.pth", DINO, "plain_dino.pth", "torch before 1.6 by protocol 4", _use_new_zipfile_serialization=False,
    pickle_protocol=4)
put("double.pth", collections.OrderedDict((key, value.double()) for key, value in DINO.items()), "plain_dino.pth", "float64")
put("quantized_outside.pth", more(prefixed(DINO, "backbone."), {
    "head.int8": torch.ones(3, dtype=torch.int8), "head.complex": torch.ones(2, dtype=torch.complex64),
    "head.q": torch.quantize_per_tensor(tensor(4), 0.1, 0, torch.qint8)}), "plain_dino.pth", "int8, complex and quantized outside the ViT")
source = io.BytesIO()
torch.save(DINO, source)
with zipfile.ZipFile(source) as stored, zipfile.ZipFile(os.path.join(HERE, "deflated.pth"), "w", zipfile.ZIP_DEFLATED) as packed:
    for entry in stored.infolist():
        packed.writestr(zipfile.ZipInfo(entry.filename, (1980, 1, 1, 0, 0, 0)), stored.read(entry), zipfile.ZIP_DEFLATED)
variants.append(dict(file="deflated.pth", like="plain_dino.pth", what="a zip packed again"))


def safetensors(path, state, metadata=None, extra=()):
    """The format by hand: 8 bytes of length, JSON, data."""
    header, data = ({"__metadata__": metadata} if metadata else {}), b""
    for name, value in list(state.items()):
        raw = value.detach().contiguous().numpy().tobytes()
        header[name] = dict(dtype="F32", shape=list(value.shape), data_offsets=[len(data), len(data) + len(raw)])
        data += raw
    for name, kind, raw in extra:
        header[name] = dict(dtype=kind, shape=[len(raw)], data_offsets=[len(data), len(data) + len(raw)])
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(os.path.join(HERE, path), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


safetensors("fp8_outside.safetensors", prefixed(DINO, "backbone."), extra=[("head.scale", "F8_E4M3", b"\0\1\2"), ("head.q", "I8", b"\3")])
variants.append(dict(file="fp8_outside.safetensors", like="plain_dino.pth", what="fp8 and int8 outside the ViT"))
shards = [dict(list(HF.items())[::2]), dict(list(HF.items())[1::2])]
for folder, write, ending in [("sharded", safetensors, "safetensors"), ("sharded_bin", None, "bin")]:
    os.makedirs(os.path.join(HERE, folder), exist_ok=True)
    stem = "model" if write else "pytorch_model"
    names = [f"{stem}-0000{n}-of-00002.{ending}" for n in (1, 2)]
    for name, shard in zip(names, shards):
        safetensors(f"{folder}/{name}", shard, {"format": "pt"}) if write else torch.save(shard, os.path.join(HERE, folder, name))
    index = dict(metadata=dict(total_size=sum(4 * value.numel() for value in HF.values())),
                 weight_map={key: name for name, shard in zip(names, shards) for key in shard})
    file = f"{folder}/{stem}.{ending}.index.json"
    json.dump(index, open(os.path.join(HERE, file), "w"), indent=1)
    json.dump(CONFIG, open(os.path.join(HERE, folder, "config.json"), "w"))
    variants.append(dict(file=file, like="plain_hf.bin", what=f"two files and an index ({ending})"))

with open(os.path.join(HERE, "variants.json"), "w") as file:
    json.dump(dict(torch=torch.__version__, heads=HEADS, files=variants), file, indent=1)
print(len(variants), sum(os.path.getsize(os.path.join(path, name)) for path, _, names in os.walk(HERE) for name in names))
