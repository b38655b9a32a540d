namespace Dino.Gpu.Vit;

/// <summary>
/// The linear layers of a ViT. Query is the first third of Qkv's outputs, KeyValue the other two thirds. Each writes
/// only its own columns.
/// </summary>
internal enum Linear
{
    PatchEmbedding,
    Qkv,
    Query,
    KeyValue,
    Projection,
    Fc1,
    Fc2,
}
