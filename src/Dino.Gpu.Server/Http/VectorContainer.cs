namespace Dino.Gpu.Server.Http;

/// <summary>What vectors are sent in.</summary>
internal enum VectorContainer
{
    /// <summary>Numbers in JSON, from which the same float32 are read again.</summary>
    Json,

    /// <summary>NumPy's <c>.npy</c>, as <c>dino embed</c> writes it.</summary>
    Npy,

    /// <summary>The values alone, little-endian, one vector after the other.</summary>
    Bytes,
}
