namespace Dino.Gpu.Kernels.Warpgroup;

/// <summary>What a product does with its sums: see the types of the same names in Kernels/TensorCore.</summary>
internal enum ProductEpilogue
{
    /// <summary>output = product + bias, in 16 bits.</summary>
    Store,

    /// <summary>output = product + bias, in float32.</summary>
    StoreFloat,

    /// <summary>output = gelu(product + bias), in 16 bits.</summary>
    Gelu,

    /// <summary>output = output + product + bias, in float32.</summary>
    Add,

    /// <summary>output = output + gain * (product + bias), in float32.</summary>
    AddScaled,

    /// <summary>output = silu(gate) * up of neighboring columns, in 16 bits.</summary>
    Gated,
}

/// <summary>One of the products with wgmma.</summary>
/// <param name="Tile">The tile of a group.</param>
/// <param name="Precision">Of both inputs: bfloat16 or float16.</param>
/// <param name="Epilogue">What becomes of the sums.</param>
internal sealed record ProductKernel(WarpgroupTile Tile, Precision Precision, ProductEpilogue Epilogue)
{
    /// <summary>The name in its module, as <c>wgmma_128x128_bf16_gelu</c>; profilers show it.</summary>
    public string Name => $"wgmma_{Tile.Rows}x{Tile.Columns}_{Format}_{Epilogue.ToString().ToLowerInvariant()}";

    /// <summary>The type of the inputs, as PTX names it.</summary>
    public string Format => Precision switch
    {
        Precision.BFloat16 => "bf16",
        Precision.Float16 => "f16",
        _ => throw new ArgumentOutOfRangeException(nameof(Precision), Precision, "Expected bfloat16 or float16."),
    };

    /// <summary>Bytes of the output for each column of the product.</summary>
    public int OutputSize => Epilogue switch
    {
        ProductEpilogue.StoreFloat or ProductEpilogue.Add or ProductEpilogue.AddScaled => sizeof(float),
        ProductEpilogue.Gated => sizeof(short) / 2,
        _ => sizeof(short),
    };

    /// <summary>
    /// All of them. Gains are kept apart in float16 alone; bfloat16 has the exponents to hold them in weights.
    /// </summary>
    public static IEnumerable<ProductKernel> All =>
        from tile in WarpgroupTile.All
        from precision in new[] { Precision.BFloat16, Precision.Float16 }
        from epilogue in Enum.GetValues<ProductEpilogue>()
        where epilogue != ProductEpilogue.AddScaled || precision == Precision.Float16
        select new ProductKernel(tile, precision, epilogue);
}
