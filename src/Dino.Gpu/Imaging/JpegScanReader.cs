namespace Dino.Gpu.Imaging;

/// <summary>Reads the data of one scan into the components.</summary>
/// <param name="scan">What it brings.</param>
/// <param name="components">Of which ones.</param>
/// <param name="isProgressive">Whether others bring the rest of their blocks.</param>
internal sealed class JpegScanReader(JpegScan scan, JpegComponent[] components, bool isProgressive)
{
    private readonly short[] _block = new short[64];
    private int _emptyBlocks; // to come, of the other coefficients of a progressive JPEG

    /// <param name="file">All bytes of the file.</param>
    /// <param name="start">Where the data start.</param>
    /// <param name="restartInterval">Units between two restarts; 0 for none.</param>
    /// <param name="units">Units of the scan: blocks, where it has one component.</param>
    /// <returns>Where the data end.</returns>
    /// <exception cref="DinoException">The data end too early, or are damaged.</exception>
    public int Read(ReadOnlySpan<byte> file, int start, int restartInterval, (int Across, int Down) units)
    {
        var bits = new JpegBits(file, start);
        Reset();
        int left = restartInterval;
        int restarts = 0;
        for (int row = 0; row < units.Down; row++)
        {
            for (int column = 0; column < units.Across; column++)
            {
                if (restartInterval > 0 && left == 0)
                {
                    bits.Restart(restarts++);
                    Reset();
                    left = restartInterval;
                }

                left--;
                if (components.Length == 1)
                    ReadBlock(ref bits, components[0], row, column);
                else
                    ReadUnit(ref bits, row, column);
            }
        }

        return bits.Position;
    }

    private void Reset()
    {
        _emptyBlocks = 0;
        foreach (JpegComponent component in components)
            component.Prediction = 0;
    }

    private void ReadUnit(ref JpegBits bits, int row, int column)
    {
        foreach (JpegComponent component in components)
        {
            for (int y = 0; y < component.Down; y++)
            {
                for (int x = 0; x < component.Across; x++)
                    ReadBlock(ref bits, component, row * component.Down + y, column * component.Across + x);
            }
        }
    }

    private void ReadBlock(ref JpegBits bits, JpegComponent component, int row, int column)
    {
        if (!isProgressive)
        {
            Array.Clear(_block);
            _block[0] = (short)NextMean(ref bits, component);
            ReadRest(ref bits, component.AcCodes!, _block);
            component.Transform(_block, row, column);
            return;
        }

        Span<short> block = component.Block(row, column);
        if (scan.First > 0 && scan.Refines)
            RefineRest(ref bits, component.AcCodes!, block);
        else if (scan.First > 0)
            ReadRest(ref bits, component.AcCodes!, block);
        else if (scan.Refines)
            block[0] |= (short)(bits.Read(1) << scan.Bit);
        else
            block[0] = (short)(NextMean(ref bits, component) << scan.Bit);
    }

    private static int NextMean(ref JpegBits bits, JpegComponent component)
    {
        int count = bits.Code(component.DcCodes!);
        if (count > 15)
            throw JpegBits.Damaged();
        return component.Prediction += bits.ReadSigned(count);
    }

    /// <summary>Coefficients that come for the first time: runs of zeros, each with the value behind it.</summary>
    private void ReadRest(ref JpegBits bits, JpegCodes codes, Span<short> block)
    {
        if (_emptyBlocks > 0)
        {
            _emptyBlocks--;
            return;
        }

        for (int k = Math.Max(1, scan.First); k <= scan.Last; k++)
        {
            int code = bits.Code(codes);
            int count = code & 15;
            int run = code >> 4;
            if (count == 0 && run != 15)
            {
                if (isProgressive)
                    _emptyBlocks = (1 << run) - 1 + bits.Read(run);
                return;
            }

            k += run;
            if (k > scan.Last)
                throw JpegBits.Damaged();
            if (count > 0)
                block[JpegComponent.ZigZag[k]] = (short)(bits.ReadSigned(count) << scan.Bit);
        }
    }

    /// <summary>
    /// One more bit of each coefficient that is not zero, and those that become 1 or -1 (T.81, G.1.2.3).
    /// </summary>
    private void RefineRest(ref JpegBits bits, JpegCodes codes, Span<short> block)
    {
        int k = scan.First;
        if (_emptyBlocks == 0)
        {
            for (; k <= scan.Last; k++)
            {
                int code = bits.Code(codes);
                int run = code >> 4;
                int value = 0;
                if ((code & 15) == 0 && run != 15)
                {
                    _emptyBlocks = (1 << run) + bits.Read(run);
                    break;
                }

                if ((code & 15) > 1)
                    throw JpegBits.Damaged();
                if ((code & 15) == 1)
                    value = bits.Read(1) == 1 ? 1 << scan.Bit : -1 << scan.Bit;
                for (; k <= scan.Last; k++)
                {
                    ref short coefficient = ref block[JpegComponent.ZigZag[k]];
                    if (coefficient != 0)
                        Refine(ref bits, ref coefficient);
                    else if (run-- == 0)
                        break;
                }

                if (k > scan.Last && value != 0)
                    throw JpegBits.Damaged();
                if (value != 0)
                    block[JpegComponent.ZigZag[k]] = (short)value;
            }
        }

        if (_emptyBlocks == 0)
            return;
        for (; k <= scan.Last; k++)
        {
            ref short coefficient = ref block[JpegComponent.ZigZag[k]];
            if (coefficient != 0)
                Refine(ref bits, ref coefficient);
        }

        _emptyBlocks--;
    }

    private void Refine(ref JpegBits bits, ref short coefficient)
    {
        if (bits.Read(1) == 1 && (coefficient & 1 << scan.Bit) == 0)
            coefficient += (short)(coefficient > 0 ? 1 << scan.Bit : -1 << scan.Bit);
    }
}
